"""Charts: what is drawn, what is read out."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import translation

from apim.ui.charts import Column, gauge_bar, gauge_kind, nice_ceiling, share_bar, sparkline, status_bars
from apim.ui.timeline import Life, version_timeline


@pytest.mark.parametrize(("value", "ceiling"), [(0, 1), (1, 1), (2, 2), (3, 5), (11, 20), (99, 100), (101, 200)])
def test_axes_end_at_round_numbers(value: int, ceiling: int) -> None:
    assert nice_ceiling(value) == ceiling


def test_bars_are_stacked_and_told_in_a_sentence() -> None:
    drawn = status_bars([Column("12:00", {"2xx": 3, "5xx": 1}), Column("13:00", {})], "Calls")
    assert 'aria-label="Calls: 3 2xx, 1 5xx"' in drawn
    assert drawn.count('class="chart__2xx"') == len(("wide", "narrow"))
    assert drawn.count('class="chart__5xx"') == len(("wide", "narrow"))
    assert "12:00: 3 2xx, 1 5xx" in drawn
    assert "13:00: no calls" in drawn


def test_charts_without_data_are_drawn() -> None:
    assert "no calls" in status_bars([], "Calls")
    assert "<svg" in sparkline([], "no calls")
    assert "<svg" in share_bar([], "nothing")


def test_a_narrow_drawing_names_both_ends() -> None:
    drawn = status_bars([Column(f"day {number}", {}) for number in range(24)], "Calls")
    narrow = drawn[drawn.index("chart--narrow") :]
    assert [f'text-anchor="{anchor}">day' in narrow for anchor in ("start", "middle", "end")] == [True, False, True]
    assert 'text-anchor="end">day 23</text>' in narrow


def test_nothing_called_is_said_in_the_language_of_the_reader() -> None:
    with translation.override("ja"):
        assert "呼び出しなし" in status_bars([Column("12:00", {})], "Calls")


def test_labels_are_escaped() -> None:
    assert "<b>" not in status_bars([Column("<b>", {"2xx": 1})], "<b>")


def test_no_chart_needs_an_inline_style() -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    drawn = (
        status_bars([Column("a", {"2xx": 1})], "t"),
        sparkline([1, 2], "s"),
        gauge_bar(1, 2),
        share_bar([("x", 1)], "s"),
        version_timeline([Life("v1", "published", now, None, None)], now),
    )
    assert not any("style=" in each for each in drawn)


@pytest.mark.parametrize(
    ("used", "limit", "kind"), [(0, 10, ""), (8, 10, "warn"), (10, 10, "danger"), (1, 0, "danger")]
)
def test_gauges_warn_before_they_are_full(used: int, limit: int, kind: str) -> None:
    assert gauge_kind(used, limit) == kind


def test_a_gauge_never_draws_past_its_end() -> None:
    assert 'width="100.00"' in gauge_bar(25, 10)


def test_the_timeline_tells_who_calls_a_version_where_that_is_known() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    lives = [Life("v1", "published", start, None, None, 3), Life("v2", "published", start, None, None)]
    drawn = version_timeline(lives, now=datetime(2026, 7, 1, tzinfo=UTC))
    assert drawn.count(">3 applications call it</text>") == len(("wide", "narrow"))
    assert "v1: published, published 2026-01-01, 3 applications called it in 7 days; v2: published" in drawn.lower()


def test_the_timeline_tells_each_life() -> None:
    start, turn, end = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 6, 12))
    drawn = version_timeline([Life("v1", "deprecated", start, turn, end)], now=datetime(2026, 7, 1, tzinfo=UTC))
    assert "v1: Deprecated, published 2026-01-01, deprecated 2026-06-01, ends 2026-12-01" in drawn
