"""Every page of the table of permissions, as somebody who may see it: axe, a heading, a way back, the width of a phone.

Chromium asks Django without a server between them: each request is answered by Django's test client inside one
transaction, so that the world of the permission tests is made once and leaves nothing. Headers, the content security
policy with them, are the application's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.staticfiles import finders
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client
from playwright.sync_api import Browser, Page, Route

from tests.browser.conftest import PATIENCE_MS, Complaints
from tests.browser.widths import NARROW
from tests.permissions.conftest import world as world  # noqa: PLC0414 - a fixture
from tests.permissions.table import TABLE
from tests.permissions.world import ROLES, World

ORIGIN = "http://localhost"  # which browsers trust as they trust HTTPS; nobody listens there
MACHINES = ("api/", "gateway/", "healthz/", "metrics", "webhooks/", "live", "^", "brand/")
ASKS_SERVERS = "setup"  # shows whether its database and Redis answer, which are none of a test's
FEWEST = 200  # pages: fewer, and the walk has lost its way
AT_THE_TOP = ("/", "/console/", "/my", "/search", "/keys", "/leaks", "/console/styleguide", "/invite/made-up")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FACTS = """() => {
  const seen = (element) => element.getClientRects().length > 0;
  return {
    language: document.documentElement.lang,
    title: document.title.trim(),
    headings: [...document.querySelectorAll("h1")].filter(seen).length,
    hasCrumbs: document.querySelector(".breadcrumbs") !== null,
    isInNavigation: [...document.querySelectorAll("header a, .rail a")].some(
      (link) => new URL(link.href).pathname === location.pathname),
    width: document.documentElement.scrollWidth,
  };
}"""
RUN = """async (tags) => {
  const found = await axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]});
  return found.violations.map((each) => `${each.id} (${each.impact}): ${each.help} at `
    + each.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(" | "));
}"""


def who_sees(route: str) -> str:
    """The role for which a page is made, of those who may see it; "" where nobody may."""
    row = TABLE[route]
    letters = row if isinstance(row, str) else row.get("GET", row.get("*", ""))
    first = ("owner", "admin") if route.startswith("console") else ("visitor", "developer")
    order = (*first, *(role for role in ROLES if role not in first))
    return next((role for role in order if letters and letters[ROLES.index(role)] == "+"), "")


def pages(world: World) -> Iterator[tuple[str, str]]:
    """(role, path) of every route that answers with a page of HTML."""
    clients = {role: world.client(role) for role in ROLES}
    for route in TABLE:
        role = who_sees(route)
        if not role or route == ASKS_SERVERS or (route.startswith(MACHINES) and not route.startswith("^apis/")):
            continue
        path = world.path(route)
        answer = clients[role].get(path)
        is_page = answer.status_code == 200 and answer.get("Content-Type", "").startswith("text/html")
        if is_page and not answer.streaming and answer.content.lstrip()[:9].lower() == b"<!doctype":
            yield role, path


class Desk:
    """A tab whose requests Django answers to whoever sits there."""

    def __init__(self, page: Page, complaints: Complaints, answering: Executor) -> None:
        """Nobody sits there yet."""
        self.page = page
        self.client = Client()
        self._answering = answering
        complaints.watch(page)
        page.route("**/*", self._answer)

    def _answer(self, route: Route) -> None:
        url = urlsplit(route.request.url)
        if url.path.startswith("/static/"):
            found = finders.find(url.path.removeprefix("/static/"))
            route.fulfill(path=str(found)) if isinstance(found, str) else route.fulfill(status=404)
            return
        if url.path == "/live":
            route.fulfill(status=200, headers={"Content-Type": "text/event-stream"}, body="")
            return
        path = f"{url.path}?{url.query}" if url.query else url.path
        asked = {name: value for name, value in route.request.headers.items() if name.startswith("hx-")}
        answer = self._answering.submit(self.client.get, path, headers=asked).result()
        headers = {name: value for name, value in answer.items() if name.lower() != "content-length"}
        route.fulfill(status=answer.status_code, headers=headers, body=answer.content)

    def findings(self, path: str, tags: list[str]) -> list[str]:
        """What is wrong with a page."""
        answer = self.page.goto(ORIGIN + path, wait_until="load")
        assert answer is not None
        assert answer.status == 200, path
        facts: dict[str, Any] = self.page.evaluate(FACTS)
        found = list(self.page.evaluate(RUN, tags))
        if facts["headings"] != 1:
            found.append(f"{facts['headings']} headings of the first level")
        if not facts["title"] or not facts["language"]:
            found.append("no title or no language")
        if not (facts["hasCrumbs"] or facts["isInNavigation"] or path in AT_THE_TOP or path.startswith("/account/")):
            found.append("no breadcrumbs")
        if facts["width"] > NARROW["width"]:
            found.append(f"{facts['width']} px wide")
        return found


@pytest.fixture
def answering(db: None) -> Iterator[Executor]:
    """A thread without the loop that playwright keeps in this one, on the database connection of the test."""

    def take(shared: BaseDatabaseWrapper) -> None:
        connections["default"] = shared

    connection = connections["default"]
    connection.inc_thread_sharing()
    with ThreadPoolExecutor(1, initializer=take, initargs=(connection,)) as executor:
        yield executor
    connection.dec_thread_sharing()


@pytest.fixture
def desk(browser: Browser, answering: Executor) -> Iterator[Callable[..., Desk]]:
    """`desk(**options)` is a tab of a fresh browser context, with axe in each of its pages."""
    contexts = []
    complaints = Complaints(frozenset({urlsplit(ORIGIN).netloc}))

    def make(**options: Any) -> Desk:
        context = browser.new_context(reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(Axe().axe_script)
        contexts.append(context)
        return Desk(context.new_page(), complaints, answering)

    yield make
    for context in contexts:
        context.close()
    assert complaints.unexpected() == []


def walk(world: World, desk: Desk) -> list[str]:
    """All that is wrong, by page."""
    clients = {role: world.client(role) for role in ROLES}
    wrong, looked_at = [], list(pages(world))
    assert len(looked_at) > FEWEST
    for role, path in looked_at:
        desk.client = clients[role]
        wrong += [f"{path} ({role}): {finding}" for finding in desk.findings(path, RULES)]
    return wrong


def test_every_page_is_accessible_and_fits_a_phone(world: World, desk: Callable[..., Desk]) -> None:
    wrong = walk(world, desk(viewport=NARROW))
    assert not wrong, "\n".join(wrong)
