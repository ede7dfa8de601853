"""The first call: how many clicks from the landing page to a 200, with a key and without an account."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.clicks import Clicks
from tests.browser.conftest import Check, NewPage, Shoot
from tests.browser.widths import NARROW

MOST_CLICKS = 4
MOST_CLICKS_IN_THE_SANDBOX = 2


def test_a_first_200_is_four_clicks_from_the_landing_page(
    page: Page,
    new_page: NewPage,
    check_accessibility: Check,
    shoot: Shoot,
    record_property: Callable[[str, object], None],
) -> None:
    clicks = Clicks()
    page.goto("/")
    clicks.press(page.get_by_role("link", name="Bank API"))
    clicks.press(page.get_by_role("link", name="Get access").first)
    expect(page.get_by_role("textbox", name="Your e-mail address")).to_be_focused()
    page.keyboard.type("mary@example.org")
    clicks.press(page.get_by_role("button", name="Get my key"))
    clicks.press(page.get_by_role("button", name="Send test request"))
    answer = page.locator("#answer")
    expect(answer).to_contain_text("Your first call worked")
    expect(answer.locator(".answer__line")).to_contain_text("200")
    record_property("seconds from the landing page to the first 200", round(time.monotonic() - clicks.began, 1))
    record_property("clicks from the landing page to the first 200", clicks.count)
    assert clicks.count <= MOST_CLICKS

    # Where the time went follows by itself; the page tells of the mail that waits.
    expect(answer).to_contain_text("Service behind it")
    expect(page.locator("main")).to_contain_text("We sent a mail to mary@example.org")
    check_accessibility(page)
    shoot(page, "first-call-2-answer")
    page.set_viewport_size(NARROW)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    # Another visitor's form: pictured apart, so that the seconds are those of the way alone.
    other = new_page()
    other.goto("/products/bank-payments/access")
    check_accessibility(other)
    shoot(other, "first-call-1-choose")


def test_the_sandbox_answers_without_an_account(page: Page, check_accessibility: Check, shoot: Shoot) -> None:
    clicks = Clicks()
    page.goto("/")
    clicks.press(page.get_by_role("link", name="Bank API"))
    clicks.press(page.locator("#sandbox").get_by_role("button", name=re.compile("^Send GET")))
    expect(page.locator("#sandbox-answer .answer__line")).to_contain_text("200")
    expect(page.locator("#sandbox-answer")).to_contain_text("an example, not real data")
    assert clicks.count <= MOST_CLICKS_IN_THE_SANDBOX
    check_accessibility(page)
    shoot(page, "first-call-3-sandbox")

    # The key of this browser is in the samples of the reference, in the language chosen.
    page.goto("/apis/bank/v1/reference/get/accounts")
    expect(page.locator("#samples")).to_contain_text("apim_sandbox_")
    page.get_by_role("link", name="Go", exact=True).click()
    expect(page.locator("#sample-go")).to_contain_text("package main")
    check_accessibility(page)
    shoot(page, "first-call-4-reference")
