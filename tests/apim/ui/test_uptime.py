"""The strip of days of service."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import pytest

from apim.ui.uptime import share_words, uptime_strip


class Day(NamedTuple):
    day: date
    share: float | None
    level: str


def test_each_day_is_a_bar_with_its_words_and_a_silent_one_is_short() -> None:
    days = [Day(date(2026, 11, 20), None, "none"), Day(date(2026, 11, 21), 0.99954, "good")]
    picture = uptime_strip(days, "All <well>")
    assert picture.count("<rect") == 2
    assert "no calls" in picture
    assert "99.95 % answered" in picture
    assert 'class="uptime__none" x="0" y="20"' in picture
    assert 'aria-label="All &lt;well&gt;"' in picture


@pytest.mark.parametrize(("share", "words"), [(1.0, "100 %"), (0.99999, "99.99 %"), (0.5, "50 %"), (0.0, "0 %")])
def test_a_share_is_never_rounded_up_to_all(share: float, words: str) -> None:
    assert share_words(share) == words
