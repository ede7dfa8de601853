"""The three journeys without a mouse: Tab, Enter, Space, arrows, letters, and nothing else."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Check
from tests.browser.parcels import DOCUMENT

MOST_STEPS = 120  # to a thing of the page, before it counts as out of reach

Note = Callable[[str, object], None]


class Keyboard:
    """Presses keys and counts them. Where the focus goes is the page's own doing."""

    def __init__(self, page: Page) -> None:
        """Nothing pressed yet."""
        self.page = page
        self.pressed = 0
        self.began = time.monotonic()

    def press(self, *keys: str) -> None:
        """Each of the keys."""
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def type(self, text: str) -> None:
        """The text, a key each."""
        self.page.keyboard.type(text)
        self.pressed += len(text)

    def replace(self, text: str) -> None:
        """The text instead of what the field has."""
        self.press("Control+a")
        self.type(text)

    def reach(self, target: Locator) -> None:
        """Tab until the target has the focus, which is to be seen there."""
        expect(target.first).to_be_visible()
        for _ in range(MOST_STEPS):
            if target.first.evaluate("each => each === document.activeElement"):
                assert target.first.evaluate("each => each.matches(':focus-visible')"), "the focus is not to be seen"
                return
            self.press("Tab")
        raise AssertionError(f"the keyboard does not reach {target} on {self.page.url}")

    def follow(self, target: Locator) -> None:
        """The link or button, and what it leads to."""
        self.reach(target)
        self.press("Enter")

    def skip_to_content(self) -> None:
        """Past the frame of a page that was just opened, by its first link."""
        self.follow(self.page.get_by_role("link", name="Skip to content"))

    def find(self, words: str, wanted: str) -> None:
        """By the palette, whose first hit is taken."""
        self.press("Control+k")
        first = self.page.locator("#palette [role=option]").first
        expect(first).to_be_visible()
        self.type(words)
        expect(first).to_contain_text(wanted)
        expect(first).to_have_attribute("aria-selected", "true")
        self.press("Enter")

    def tell(self, note: Note, journey: str) -> None:
        """What it took, printed at the end of the run."""
        note(f"{journey}, by keyboard alone: seconds", round(time.monotonic() - self.began, 1))
        note(f"{journey}, by keyboard alone: keys", self.pressed)


def test_a_developer_makes_a_first_call(page: Page, record_property: Note) -> None:
    page.goto("/")
    keyboard = Keyboard(page)
    keyboard.skip_to_content()
    keyboard.follow(page.get_by_role("link", name="Bank API"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Bank API")
    keyboard.follow(page.get_by_role("link", name="Get access").first)
    expect(page.get_by_role("textbox", name="Your e-mail address")).to_be_focused()
    keyboard.type("keys@example.org")
    keyboard.press("Enter")
    keyboard.follow(page.get_by_role("button", name="Send test request"))
    expect(page.locator("#answer .answer__line")).to_contain_text("200")
    keyboard.tell(record_property, "landing page to first 200")


def test_an_owner_goes_from_a_file_to_a_published_free_product(
    admin_page: Page, tmp_path: Path, record_property: Note
) -> None:
    page = admin_page
    document = tmp_path / "parcels.yaml"
    document.write_text(DOCUMENT)
    # From the start: a browser that learns of the listener with the key may open a window of its own.
    page.on("filechooser", lambda chooser: chooser.set_files(document))
    page.goto("/console/")
    keyboard = Keyboard(page)
    keyboard.find("new api", "New API")
    expect(page.get_by_role("heading", level=1)).to_have_text("New API")
    keyboard.skip_to_content()
    keyboard.follow(page.locator("[name=document_file]"))
    expect(page.locator("[name=document_file]")).to_have_value(re.compile("parcels"))
    keyboard.reach(page.locator("[name=name]"))
    keyboard.type("parcels")
    keyboard.reach(page.locator("[name=upstream_url]"))
    keyboard.replace("http://127.0.0.1:9")
    keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Review: parcels v1")

    keyboard.skip_to_content()
    keyboard.follow(page.get_by_role("button", name="Keep these and continue"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Offer parcels v1")
    keyboard.skip_to_content()
    keyboard.reach(page.locator("[name=template]").first)
    keyboard.follow(page.get_by_role("button", name="Offer it and continue"))
    keyboard.follow(page.get_by_role("button", name=re.compile("^Publish revision")))
    expect(page.get_by_role("heading", level=1)).to_have_text("parcels v1 on the gateways")
    expect(page.locator("#lines .badge--ok")).to_be_visible()
    keyboard.tell(record_property, "file to a published free product")


@pytest.mark.slow
def test_an_admin_looks_at_health_and_promotes_to_a_new_environment(admin_page: Page, record_property: Note) -> None:
    page = admin_page
    page.goto("/console/")
    keyboard = Keyboard(page)
    keyboard.press("g", "e")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Health")
    keyboard.find("environments", "Environments")
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
    keyboard.skip_to_content()
    keyboard.follow(page.get_by_role("link", name="New environment"))
    keyboard.skip_to_content()
    keyboard.reach(page.locator("[name=name]"))
    keyboard.type("staging")
    keyboard.press("Enter")
    expect(page.get_by_text("staging is made")).to_be_visible()

    keyboard.skip_to_content()
    of_default = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Default", exact=True))
    keyboard.follow(of_default.get_by_role("link", name="to staging", exact=True))
    expect(page.get_by_role("heading", level=1)).to_contain_text("staging")
    keyboard.skip_to_content()
    keyboard.reach(page.locator("[name=reason]"))
    keyboard.type("keys alone")
    keyboard.follow(page.get_by_role("button", name="Promote what is chosen to staging"))
    expect(page.get_by_role("alert").or_(page.get_by_role("status")).filter(has_text="staging").first).to_be_visible()
    keyboard.tell(record_property, "health and a promotion")


def test_letters_do_nothing_while_somebody_types_or_composes_or_wants_them_not(
    page: Page, check_accessibility: Check
) -> None:
    for path in ("/search", "/keys"):
        page.goto(path)
        check_accessibility(page)
    page.goto("/")
    compose = "key => document.body.dispatchEvent(new KeyboardEvent('keydown', {key, keyCode: 229, bubbles: true}))"
    page.evaluate(compose, "?")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search APIs")).to_be_focused()
    page.keyboard.type("?gp")
    expect(page.get_by_role("searchbox", name="Search APIs")).to_have_value("?gp")
    page.evaluate("document.activeElement.blur()")
    expect(page.locator("dialog[open]")).to_have_count(0)

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keyboard shortcuts")
    check_accessibility(page)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Search", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox")).to_be_focused()
    expect(page.get_by_role("option").first).to_be_visible()
    check_accessibility(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Search", exact=True)).to_be_focused()

    page.keyboard.press("?")
    page.get_by_role("button", name="Switch single letters off").click()
    page.wait_for_load_state()
    page.keyboard.press("?")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox", name="Search APIs")).not_to_be_focused()
    expect(page.locator("dialog[open]")).to_have_count(0)
