"""Pages of access logs are made once while many ask, and never older than what the log reached."""

from __future__ import annotations

from functools import partial

import msgspec

from gateway_sync.delivery.kept_pages import KeptPages, Page
from tests.racing import at_once


def _page(upto: int, text: bytes = b"[]") -> Page:
    return Page(msgspec.Raw(text), upto, more=False)


class Clock:
    """A clock that stands until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_twenty_who_ask_at_once_cause_one_page() -> None:
    pages, made = KeptPages(), []

    def make() -> Page:
        made.append(1)
        return _page(5)

    got = at_once([partial(pages.page, "env_1", 0, 5, make)] * 20)
    assert len(made) == 1
    assert {id(page) for page in got} == {id(got[0])}


def test_a_page_that_goes_further_than_its_log_is_made_anew() -> None:
    pages = KeptPages()
    pages.page("env_1", 0, 9, lambda: _page(9))
    assert pages.page("env_1", 0, 10, lambda: _page(10)).upto == 9
    assert pages.page("env_1", 0, 7, lambda: _page(7)).upto == 7


def test_pages_of_others_and_old_ones_are_not_used_and_few_are_kept() -> None:
    clock = Clock()
    pages = KeptPages(clock)
    pages.page("env_1", 0, 9, lambda: _page(9))
    assert pages.page("env_2", 0, 3, lambda: _page(3)).upto == 3
    clock.now += 11
    assert pages.page("env_1", 0, 11, lambda: _page(11)).upto == 11
    for start in range(100):
        pages.page("env_1", start, 200, lambda: _page(200))
    assert len(pages._pages) <= 24


def test_a_page_that_could_not_be_made_is_tried_again_by_the_next() -> None:
    pages = KeptPages()

    def fail() -> Page:
        raise OSError

    for _ in range(2):
        try:
            pages.page("env_1", 0, 5, fail)
        except OSError:
            continue
    assert pages.page("env_1", 0, 5, lambda: _page(5)).upto == 5
