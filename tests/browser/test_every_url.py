"""Every page of the table of permissions, as somebody who may see it: axe, a heading, a way back, the width of a phone.

Each page is loaded once and looked at by all that axe knows on a phone in light colours; the first page of each part of
the product then on a screen in dark ones by what may differ there, in the long tier every page. All is asked inside one
transaction, so that the world of the permission tests is made once and leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponseBase
from playwright.sync_api import Page

from tests.browser.desk import Desk
from tests.browser.widths import NARROW, WIDE
from tests.permissions.conftest import world as world  # noqa: PLC0414 - a fixture
from tests.permissions.table import TABLE
from tests.permissions.world import ROLES, World

MACHINES = ("api/", "gateway/", "healthz/", "metrics", "webhooks/", "live", "^", "brand/")
ASKS_SERVERS = "setup"  # shows whether its database and Redis answer, which are none of a test's
FEWEST = 200  # pages: fewer, and the walk has lost its way
AT_THE_TOP = ("/", "/console/", "/my", "/search", "/keys", "/leaks", "/console/styleguide", "/invite/made-up")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What colours and widths change; all that axe knows is asked of the phone.
DIFFERING = ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block"]
RUN = """async ([scope, rules, width, scheme]) => {
  while (innerWidth !== width || !matchMedia(`(prefers-color-scheme: ${scheme})`).matches) {
    await new Promise(requestAnimationFrame);
  }
  const seen = (element) => element.getClientRects().length > 0;
  const found = await axe.run(scope || document, {runOnly: rules, resultTypes: ["violations"]});
  return {
    violations: found.violations.map((each) => `${each.id} (${each.impact}): ${each.help} at `
      + each.nodes.slice(0, 3).map((node) => `${node.target.join(" ")}: ${node.failureSummary}`).join(" | ")),
    language: document.documentElement.lang,
    title: document.title.trim(),
    headings: [...document.querySelectorAll("h1")].filter(seen).length,
    hasCrumbs: document.querySelector(".breadcrumbs") !== null,
    isInNavigation: [...document.querySelectorAll("header a, .rail a")].some(
      (link) => new URL(link.href).pathname === location.pathname),
    width: document.documentElement.scrollWidth,
  };
}"""


def who_sees(route: str) -> str:
    """The role for which a page is made, of those who may see it; "" where nobody may."""
    row = TABLE[route]
    letters = row if isinstance(row, str) else row.get("GET", row.get("*", ""))
    first = ("owner", "admin") if route.startswith("console") else ("visitor", "developer")
    order = (*first, *(role for role in ROLES if role not in first))
    return next((role for role in order if letters and letters[ROLES.index(role)] == "+"), "")


def pages(world: World, desk: Desk) -> Iterator[tuple[str, str, HttpResponseBase]]:
    """(role, path, answer) of every route that answers with a page of HTML; who sees it sits at the desk."""
    clients = {role: world.client(role) for role in ROLES}
    for route in TABLE:
        role = who_sees(route)
        if not role or route == ASKS_SERVERS or (route.startswith(MACHINES) and not route.startswith("^apis/")):
            continue
        path = world.path(route)
        desk.client = clients[role]
        answer = desk.ask(path)
        is_page = answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html")
        if is_page and not answer.streaming and answer.content.lstrip()[:9].lower() == b"<!doctype":
            yield role, path, answer


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at a page. Shapes: told is what axe is asked to run; scope is where, "" = everywhere."""

    width: int
    height: int
    scheme: str
    told: dict[str, Any]
    scope: str = ""


PHONE = Look(**NARROW, scheme="light", told={"type": "tag", "values": RULES})
SCREEN = Look(**WIDE, scheme="dark", told={"type": "rule", "values": DIFFERING}, scope="main")


class Eye:
    """Looks at a page once or twice in one load. A page is loaded in the look that the one before ended with."""

    def __init__(self, page: Page) -> None:
        """On a phone."""
        self.page = page
        self._now = PHONE
        self._session = page.context.new_cdp_session(
            page
        )  # by playwright's own way a change of size costs ten times that
        self._tell(PHONE)

    def findings(self, path: str, *, is_twice: bool) -> list[str]:
        """What is wrong with the page that is open: on a phone, and on a screen if it is looked at twice."""
        if not is_twice:
            return self._look(PHONE, path)
        first, second = (PHONE, SCREEN) if self._now is PHONE else (SCREEN, PHONE)
        return self._look(first, path) + self._look(second, path)

    def _turn(self, look: Look) -> None:
        if look is not self._now:
            self._tell(look)

    def _tell(self, look: Look) -> None:
        self._now = look
        metrics = {"width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": False}
        self._session.send("Emulation.setDeviceMetricsOverride", metrics)
        features = {"prefers-color-scheme": look.scheme, "prefers-reduced-motion": "reduce"}
        told = [{"name": name, "value": value} for name, value in features.items()]
        self._session.send("Emulation.setEmulatedMedia", {"features": told})

    def _look(self, look: Look, path: str) -> list[str]:
        self._turn(look)
        scope = "" if path in AT_THE_TOP else look.scope  # what frames the pages is the same around all of them
        facts: dict[str, Any] = self.page.evaluate(RUN, [scope, look.told, look.width, look.scheme])
        found = list(facts["violations"])
        if facts["headings"] != 1:
            found.append(f"{facts['headings']} headings of the first level")
        if not facts["title"] or not facts["language"]:
            found.append("no title or no language")
        if not (facts["hasCrumbs"] or facts["isInNavigation"] or path in AT_THE_TOP or path.startswith("/account/")):
            found.append("no breadcrumbs")
        if facts["width"] > look.width:
            found.append(f"{facts['width']} px wide")
        return [f"{finding}, {look.width} px, {look.scheme}" for finding in found]


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["first of a part", "every"])
def test_every_page_is_accessible_in_both_schemes_and_fits_a_phone(world: World, desk: Desk, *, every: bool) -> None:
    eye, wrong, looked_at = Eye(desk.page), [], 0
    parts: set[str] = set()
    for role, path, rendered in pages(world, desk):
        desk.open(path, rendered)
        part = "/".join(path.split("/")[:4])  # "/console/admin/gateways"
        is_twice = every or part not in parts
        wrong += [f"{path} ({role}): {finding}" for finding in eye.findings(path, is_twice=is_twice)]
        parts.add(part)
        looked_at += 1
    assert not wrong, "\n".join(wrong)
    assert looked_at > FEWEST
