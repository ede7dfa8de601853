"""The widths that pages are looked at in."""

from __future__ import annotations

from playwright.sync_api import Page, ViewportSize

from tests.waiting import wait_until

WIDE = ViewportSize(width=1440, height=900)
NARROW = ViewportSize(width=360, height=740)
ZOOMED = ViewportSize(width=320, height=640)  # a page of 1280 px at 400 %, WCAG 1.4.10


def narrow(page: Page) -> None:
    """The page on a phone, where it does not scroll sideways. A busy browser may lay it out a moment later."""
    page.set_viewport_size(NARROW)
    # Not wait_for_function: it asks a second time by eval, which our pages forbid.
    wait_until(
        lambda: bool(page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]),
        f"{page.url} no wider than a phone of {NARROW['width']} px",
    )
