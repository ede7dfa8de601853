"""The journeys of an owner and of an admin by mouse: clicks and seconds, told at the end of the run.

What is typed is no click. Of the developer's journey the first call tells: `test_first_call.py`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.clicks import Clicks
from tests.browser.parcels import DOCUMENT
from tests.product import Product

MOST_CLICKS_TO_A_PRODUCT = 6
MOST_CLICKS_TO_A_CALL = 6

Note = Callable[[str, object], None]


def test_an_owner_goes_from_a_file_to_a_published_free_product_in_six_clicks(
    admin_page: Page, tmp_path: Path, record_property: Note
) -> None:
    page = admin_page
    document = tmp_path / "ledger.yaml"
    document.write_text(DOCUMENT.replace("parcels", "letters").replace("Parcels", "Letters"))
    page.on("filechooser", lambda chooser: chooser.set_files(document))
    page.goto("/console/")
    clicks = Clicks()
    clicks.press(page.locator(".page-actions").get_by_role("link", name="New API"))
    clicks.press(page.locator("[name=document_file]"))
    expect(page.locator("[name=document_file]")).to_have_value(re.compile("ledger"))
    page.fill("[name=name]", "letters")
    page.fill("[name=upstream_url]", "http://127.0.0.1:9")
    clicks.press(page.get_by_role("button", name="Continue to the review"))
    clicks.press(page.get_by_role("button", name="Keep these and continue"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Offer letters v1")
    clicks.press(page.get_by_role("button", name="Offer it and continue"))
    clicks.press(page.get_by_role("button", name=re.compile("^Publish revision")))
    expect(page.locator("#lines .badge--ok")).to_be_visible()
    record_property("file to a published free product, by mouse: seconds", round(time.monotonic() - clicks.began, 1))
    record_property("file to a published free product, by mouse: clicks", clicks.count)
    assert clicks.count <= MOST_CLICKS_TO_A_PRODUCT


def test_an_admin_goes_from_the_start_to_a_call_through_the_gateway_in_six_clicks(
    page: Page, product: Product, record_property: Note
) -> None:
    clicks = Clicks()
    page.goto("/account/login/?next=/console/")
    page.fill("input[name=login]", product.admin_email)
    page.fill("input[name=password]", product.admin_password)
    clicks.press(page.locator("main form button[type=submit]").first)
    clicks.press(page.get_by_role("link", name="Portal", exact=True))
    clicks.press(page.get_by_role("link", name="Bank API"))
    clicks.press(page.get_by_role("link", name="Get access").first)
    clicks.press(page.get_by_role("button", name="Get my key"))
    clicks.press(page.get_by_role("button", name="Send test request"))
    expect(page.locator("#answer .answer__line")).to_contain_text("200")
    seconds = time.monotonic() - clicks.began + product.started_in_s
    record_property("start of the product to a call through the gateway, by mouse: seconds", round(seconds, 1))
    record_property("start of the product to a call through the gateway, by mouse: clicks", clicks.count)
    assert clicks.count <= MOST_CLICKS_TO_A_CALL
