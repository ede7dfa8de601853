"""Chromium against the whole product: any console error, CSP violation or request to another host fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from apim.up.options import ROOT
from tests.browser.complaints import Complaints
from tests.browser.desk import Desk, served
from tests.browser.rules import RULES
from tests.browser.widths import NARROW, WIDE, narrow
from tests.product import Product, prepared_place, running
from tests.waiting import PATIENCE_S

CHROMIUM = os.environ.get("APIM_TEST_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = PATIENCE_S * 1000
RESULTS = ROOT / "test-results"
IS_PICTURED = bool(os.environ.get("APIM_TEST_PICTURES"))  # every page, and not the journeys alone; no test looks

Check = Callable[[Page], None]
Shoot = Callable[[Page, str], None]
LookOver = Callable[[Page, str], None]
LogIn = Callable[[Page, str, str], None]
NewPage = Callable[[], Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in this folder."""
    folder = Path(__file__).parent
    for item in items:
        if folder in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with the bank example and an admin."""
    with running(prepared_place(tmp_path_factory.mktemp("home"))) as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium from the system."""
    # Playwright's synchronous interface keeps a loop in this thread, which Django would take for an async view.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS), timeout=2 * PATIENCE_MS)
        yield chromium
        chromium.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def complaints(product: Product) -> Iterator[Complaints]:
    """What the browser complained of; anything left unexpected fails the test."""
    hosts = frozenset(urlsplit(url).netloc for url in (product.web, product.gateway))
    kept = Complaints(hosts)
    yield kept
    assert kept.unexpected() == []


@pytest.fixture
def new_page(browser: Browser, product: Product, complaints: Complaints) -> Iterator[NewPage]:
    """`new_page()` is a page of a browser that nobody used before: another person."""
    contexts: list[BrowserContext] = []

    def make() -> Page:
        # Without motion: a colour on its way to another one has no contrast to measure.
        context = browser.new_context(base_url=product.web, viewport=WIDE, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        complaints.watch(page)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A visitor's page."""
    return new_page()


@pytest.fixture
def log_in() -> LogIn:
    """`log_in(page, email, password)` through the form."""

    def enter(page: Page, email: str, password: str) -> None:
        page.goto("/account/login/")
        page.fill("input[name=login]", email)
        page.fill("input[name=password]", password)
        page.locator("main form button[type=submit]").first.click()
        page.wait_for_url(lambda url: "/account/login" not in url)

    return enter


@pytest.fixture
def admin_page(new_page: NewPage, log_in: LogIn, product: Product) -> Page:
    """The page of the admin, logged in."""
    page = new_page()
    log_in(page, product.admin_email, product.admin_password)
    return page


@pytest.fixture(scope="session")
def check_accessibility() -> Check:
    """`check_accessibility(page)` fails on every violation of WCAG 2.2 A and AA that axe finds, whatever its impact.

    And on what it calls best practice: all pages of the table of permissions hold that too.
    """
    axe = Axe()
    told = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}

    def check(page: Page) -> None:
        found = axe.run(page, options=told).response["violations"]
        assert [
            f"{each['id']} ({each['impact']}): {each['help']} at {[node['target'] for node in each['nodes']][:3]}"
            for each in found
        ] == [], page.url

    return check


@pytest.fixture(scope="session")
def shoot() -> Shoot:
    """`shoot(page, "console-apis")` keeps the page wide and narrow, light and dark, in test-results/."""
    RESULTS.mkdir(exist_ok=True)

    def keep(page: Page, name: str) -> None:
        for width, viewport in (("1440", WIDE), ("360", NARROW)):
            page.set_viewport_size(viewport)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=RESULTS / f"{name}-{width}-{scheme}.png", full_page=True)
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")

    return keep


@pytest.fixture(scope="session")
def look_over(check_accessibility: Check) -> LookOver:
    """`look_over(page, "my-apps")` of a page that is open: axe, 400 % zoom, and pictures if asked for.

    Colours come from tokens, so light and dark take turns from page to page: that halves what a walk costs. The page
    is left in the other scheme, and the next one loads in it: colours that change under axe have no contrast.
    """
    RESULTS.mkdir(exist_ok=True)

    def keep(page: Page, name: str) -> None:
        if IS_PICTURED:
            page.screenshot(path=RESULTS / f"{name}.png", full_page=True)

    def look(page: Page, name: str) -> None:
        is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        wide, slim = ("dark", "light") if is_dark else ("light", "dark")
        check_accessibility(page)
        keep(page, f"{name}-1440-{wide}")
        page.emulate_media(color_scheme="light" if is_dark else "dark")
        narrow(page)
        keep(page, f"{name}-320-{slim}")
        page.set_viewport_size(WIDE)

    return look


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
def desk(browser: Browser, answering: Executor) -> Iterator[Desk]:
    """A desk in a browser context of its own, with axe in each of its pages."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(Axe().axe_script)
    page = context.new_page()
    with served(page, answering) as made:
        made.complaints = Complaints(frozenset({urlsplit(made.origin).netloc}))
        made.complaints.watch(page)
        yield made
        context.close()
    assert made.complaints.unexpected() == []
