"""Numbers, sizes and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apim.ui.templatetags import formats, prose


@pytest.mark.parametrize(
    ("us", "words"),
    [(0, "0 ms"), (45, "0.045 ms"), (840, "0.84 ms"), (3_210, "3.2 ms"), (9_960, "10 ms"), (263_400, "263 ms"),
     (1_250_000, "1,250 ms"), (None, "0 ms")],
)  # fmt: skip
def test_durations_have_one_unit_so_that_they_compare_by_eye(us: int | None, words: str) -> None:
    assert formats.duration_us(us) == words


def test_a_duration_that_nothing_tells_is_a_dash() -> None:
    assert formats.milliseconds(None) == formats.milliseconds("") == "\N{EN DASH}"


@pytest.mark.parametrize(("size", "words"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (3_200_000, "3.2 MB")])
def test_sizes_take_the_unit_that_fits(size: int, words: str) -> None:
    assert formats.size(size) == words


@pytest.mark.parametrize(("value", "words"), [(0, "0"), (950, "950"), (1500, "1.5k"), (2_000_000, "2M")])
def test_axes_count_shortly(value: int, words: str) -> None:
    assert formats.short_count(value) == words


def test_times_say_how_long_ago_and_keep_the_exact_moment() -> None:
    moment = timezone.now() - timedelta(minutes=5, seconds=1)
    shown = formats.ago(moment)
    assert "5 min ago" in shown
    assert f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" in shown
    assert formats.ago(None) == "never"
    assert "in 3 h" in formats.until(timezone.now() + timedelta(hours=3, seconds=5))
    assert "in 7 d" in formats.until(timezone.now() + timedelta(days=7) - timedelta(minutes=5))


def test_days_have_no_leading_zero() -> None:
    assert formats.day(datetime(2026, 6, 3, tzinfo=UTC)) == "3 June 2026"


def test_json_is_laid_out_and_other_text_left_alone() -> None:
    assert formats.pretty_json('{"a":1}') == '{\n  "a": 1\n}'
    assert formats.pretty_json("plain") == "plain"


def test_headings_of_markdown_start_below_the_pages_own() -> None:
    assert prose.markdown("# One\n\n## Two") == "<h3>One</h3>\n<h4>Two</h4>\n"


def test_an_excerpt_has_no_marks() -> None:
    assert prose.excerpt("**Bold** and `code`, [a link](https://x.example)", 100) == "Bold and code, a link"
    assert prose.excerpt("a" * 50, 10) == "a" * 9 + "…"
