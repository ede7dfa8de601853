"""The two widths that pages are looked at in."""

from __future__ import annotations

from playwright.sync_api import Page, ViewportSize
from playwright.sync_api import TimeoutError as TooLong

WIDE = ViewportSize(width=1440, height=900)
NARROW = ViewportSize(width=360, height=740)


def narrow(page: Page) -> None:
    """The page on a phone, where it does not scroll sideways. A busy browser may lay it out a moment later."""
    page.set_viewport_size(NARROW)
    try:
        page.wait_for_function(f"document.documentElement.scrollWidth <= {NARROW['width']}")
    except TooLong:
        width = page.evaluate("document.documentElement.scrollWidth")
        raise AssertionError(f"{page.url} is {width} px wide on a phone of {NARROW['width']}") from None
