"""The walk over the pages of the table of permissions, and what is looked for on each of them.

A page is loaded once and looked at in one or two ways: by axe; whether it fits its width, which is that of 400 % zoom
(WCAG 1.4.10), with nothing but tables, code and pictures scrolling sideways in places of their own; whether anything
moves though its reader asked for no motion; its heading, its way back, its language.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from playwright.sync_api import Page

from tests.browser.desk import Desk
from tests.browser.rules import DIFFERING, RULES
from tests.browser.widths import OVERFLOWING, WIDE, ZOOMED
from tests.permissions.table import TABLE
from tests.permissions.world import ROLES, World

MACHINES = ("api/", "gateway/", "healthz/", "metrics", "webhooks/", "live", "^", "brand/")
ASKS_SERVERS = "setup"  # shows whether its database and Redis answer, which are none of a test's
AT_THE_TOP = ("/", "/console/", "/my", "/search", "/keys", "/leaks", "/console/styleguide", "/invite/made-up")
# What moves: for longer than ten milliseconds, or by a scroll that glides.
MOVING = """() => {
  const seconds = (time) => parseFloat(time) * (time.includes("ms") ? 0.001 : 1);
  const isLong = (times) => times.split(",").some((time) => seconds(time) > 0.01);
  const found = [];
  for (const element of document.querySelectorAll("*")) {
    const own = {DIALOG: ["::backdrop"], DETAILS: ["::details-content"]}[element.tagName] ?? [];
    for (const part of [null, "::before", "::after", ...own]) {
      const style = getComputedStyle(element, part);
      if ((part === "::before" || part === "::after") && style.content === "none") continue;
      const isMoving = isLong(style.transitionDuration) || style.scrollBehavior === "smooth"
        || (style.animationName !== "none" && isLong(style.animationDuration));
      if (isMoving) found.push(`${element.tagName.toLowerCase()}.${element.classList}${part ?? ""}`);
    }
  }
  return [...new Set(found)];
}"""
_LOOK = """async ([scope, rules, width, scheme]) => {
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


def pages(
    world: World, desk: Desk, *, language: str = "", routes: Collection[str] = TABLE
) -> Iterator[tuple[str, str, HttpResponseBase]]:
    """(role, path, answer) of every route that answers with a page of HTML; who sees it sits at the desk."""
    clients = {role: world.client(role) for role in ROLES}
    for client in clients.values():
        if language:
            client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    for route in routes:
        role = who_sees(route)
        if not role or route == ASKS_SERVERS or (route.startswith(MACHINES) and not route.startswith("^apis/")):
            continue
        path = world.path(route)
        desk.client = clients[role]
        answer = desk.ask(path)
        is_page = answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html")
        if is_page and not answer.streaming and getattr(answer, "content", b"").lstrip()[:9].lower() == b"<!doctype":
            yield role, path, answer


@dataclass(frozen=True, slots=True)
class Look:
    """One way to look at a page. Shapes: told is what axe is asked to run; scope is where, "" = everywhere."""

    width: int
    height: int
    scheme: str
    told: dict[str, Any]
    scope: str = ""


PHONE = Look(**ZOOMED, scheme="light", told={"type": "tag", "values": RULES})
SCREEN = Look(**WIDE, scheme="dark", told={"type": "rule", "values": DIFFERING}, scope="main")


class Eye:
    """Looks at a page once or twice in one load. A page is loaded in the look that the one before ended with."""

    def __init__(self, page: Page, language: str = "en") -> None:
        """On a phone."""
        self.page = page
        self._language = language
        self._now = PHONE
        # By playwright's own way a change of size costs ten times that.
        self._session = page.context.new_cdp_session(page)
        self._tell(PHONE)

    def findings(self, path: str, *, is_twice: bool) -> list[str]:
        """What is wrong with the page that is open: on a phone, and on a screen if it is looked at twice."""
        moving = [f"moves: {each}" for each in self.page.evaluate(MOVING)]
        if not is_twice:
            return moving + self._look(PHONE, path)
        first, second = (PHONE, SCREEN) if self._now is PHONE else (SCREEN, PHONE)
        return moving + self._look(first, path) + self._look(second, path)

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
        facts: dict[str, Any] = self.page.evaluate(_LOOK, [scope, look.told, look.width, look.scheme])
        found = list(facts["violations"])
        if facts["headings"] != 1:
            found.append(f"{facts['headings']} headings of the first level")
        if not facts["title"] or facts["language"].lower() != self._language:
            found.append(f"no title, or in {facts['language']}")
        if not (facts["hasCrumbs"] or facts["isInNavigation"] or path in AT_THE_TOP or path.startswith("/account/")):
            found.append("no breadcrumbs")
        if facts["width"] > look.width:
            found.append(f"{facts['width']} px wide")
        if look is PHONE:
            found += self.page.evaluate(OVERFLOWING)
        return [f"{finding}, {look.width} px, {look.scheme}" for finding in found]
