"""Every page that links lead to, for an admin and a visitor: nothing to complain of, accessible."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Page

from tests.browser.conftest import LookOver
from tests.browser.visitors import PUBLIC_PAGES
from tests.product import Product

MOST_PAGES = 40  # tests/browser/test_every_url.py looks at each kind of page; this one at what links lead to
_IDS = re.compile(r"(?<=/)(?:[a-z]{2,3}_[0-9A-Za-z]{8,}|[0-9a-f]{16}-[0-9a-f]{8}|\d+)(?=/|$)")
_NOT_PAGES = ("/account/logout", "/static/", "/healthz/", "/search", "/keys")  # the last: test_keyboard looks at them
_DOWNLOADS = ("openapi", "export", "download", ".json", ".yaml", ".csv", ".atom", ".txt")


def shape_of(path: str) -> str:
    """The path without ids: one page of each kind is enough."""
    return _IDS.sub("-", path)


def walk(page: Page, starts: tuple[str, ...], origin: str) -> Iterator[str]:
    """The pages that are reached first by links from the starts, one of each shape; the page shows what is yielded."""
    waiting, seen, shown = [*starts], {shape_of(start) for start in starts}, 0
    while waiting and shown < MOST_PAGES:
        path = waiting.pop(0)
        answer = page.goto(path)
        assert answer is not None
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        assert answer.status == 200, path
        shown += 1
        yield path
        for link in page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))"):
            url = urlsplit(urljoin(origin + path, link))
            is_ours = (
                f"{url.scheme}://{url.netloc}" == origin
                and not url.path.startswith(_NOT_PAGES)
                and not url.path.endswith(_DOWNLOADS)
            )
            if is_ours and shape_of(url.path) not in seen:
                seen.add(shape_of(url.path))
                waiting.append(url.path)


def test_every_page_that_links_lead_an_admin_to_is_whole(
    admin_page: Page, product: Product, look_over: LookOver
) -> None:
    visited = []
    for path in walk(admin_page, ("/", "/console/"), product.web):
        look_over(admin_page, "admin" + (path.rstrip("/").replace("/", "-") or "-home"))
        visited.append(path)
    assert len(visited) > 10


def test_every_page_that_links_lead_a_visitor_to_is_whole(page: Page, product: Product, look_over: LookOver) -> None:
    visited = []
    for path in walk(page, ("/",), product.web):
        if shape_of(path) not in PUBLIC_PAGES:  # those are looked at in test_portal
            look_over(page, "visitor" + path.rstrip("/").replace("/", "-"))
        visited.append(path)
    assert len(visited) > 2
