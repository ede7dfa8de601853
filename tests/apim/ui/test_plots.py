"""Plots and heat maps: what is drawn, what is read out, what is downloaded."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from apim.ui.downloads import csv_response, plain
from apim.ui.heatmap import LEVELS, Band, heatmap, level_of
from apim.ui.plots import Axis, Mark, Series, lines, stacked
from apim.ui.templatetags.formats import milliseconds

AXIS = Axis(["12:00", "13:00", "14:00"], ["<b>", "b", "c"], datetime(2026, 11, 21, 12, tzinfo=UTC), timedelta(hours=1))


def test_bars_stand_on_one_another_and_say_where_they_lie_in_time() -> None:
    drawn = stacked(
        AXIS, [Series("one", "One", [1, 2, 0]), Series("two", "Two", [3, 0, 0])], "A sentence", [Mark(1, "v2")]
    )
    assert 'aria-label="A sentence"' in drawn
    assert drawn.count('<path class="one"') == drawn.count('<path class="two"') == len(("wide", "narrow"))
    assert 'data-since="2026-11-21T12:00Z" data-step="3600" data-steps="3"' in drawn
    assert drawn.count("<title>v2</title>") == len(("wide", "narrow"))
    assert "&lt;b&gt;: One 1, Two 3" in drawn
    assert "style=" not in drawn


def test_lines_break_where_nothing_was_and_a_lone_point_is_seen() -> None:
    drawn = lines(AXIS, [Series("one", "One", [5.5, None, 3])], "A sentence")
    assert drawn.count("M") == 2 * len(("wide", "narrow"))
    widths = [float(width) for width in re.findall(r"M[\d.]+ [\d.]+h([\d.]+)", drawn)]
    assert len(widths) == 2 * len(("wide", "narrow"))
    assert min(widths) > 10


def test_an_axis_of_durations_says_its_unit_at_each_mark_as_tooltips_do() -> None:
    drawn = lines(AXIS, [Series("p95", "p95", [263.4, 1130.2, None])], "A sentence", say=milliseconds)
    marks = re.findall(r'text-anchor="end">([^<]*)<', drawn)
    assert marks == ["0 ms", "1,000 ms", "2,000 ms"] * len(("wide", "narrow"))
    assert "&lt;b&gt;: p95 263 ms" in drawn


def test_a_tooltip_counts_in_whole_numbers_however_many() -> None:
    assert "One 1,234,567" in stacked(AXIS, [Series("one", "One", [1_234_567, 0, 0])], "A sentence")


@pytest.mark.parametrize("draw", [stacked, lines])
def test_nothing_at_all_is_drawn_too(draw: object) -> None:
    assert "<svg" in draw(Axis([], [], AXIS.since, AXIS.step), [], "nothing")  # type: ignore[operator]


def test_a_heat_map_is_darker_for_more() -> None:
    assert [level_of(calls, 1000) for calls in (0, 1, 30, 1000)] == [0, 1, 3, LEVELS]
    assert level_of(1, 1) == LEVELS
    drawn = heatmap(AXIS, [Band("1 ms", [1, 0, 0]), Band("2 ms", [0, 900, 0])], ["a", "b", "c"], "A sentence")
    assert 'class="heat-1"' in drawn
    assert f'class="heat-{LEVELS}"' in drawn
    assert "style=" not in drawn
    assert "<svg" in heatmap(AXIS, [], ["", "", ""], "nothing")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1+1", "@x", "\tx", "\rx"], ids=["equals", "plus", "minus", "at", "tab", "cr"]
)
def test_no_text_is_taken_for_a_formula(text: str) -> None:
    assert plain(text) == f"'{text}"


@pytest.mark.parametrize("value", [-1, -1.5, "-2.50", "-7"], ids=str)
def test_what_is_below_zero_stays_a_number(value: object) -> None:
    assert plain(value) == value


def test_a_download_begins_with_a_byte_order_mark_and_has_a_name() -> None:
    response = csv_response("calls", ["A", "B"], [[1, None], ["é", 2.5]])
    assert response.content.decode() == "\ufeffA,B\r\n1,\r\né,2.5\r\n"
    assert response["Content-Disposition"] == 'attachment; filename="calls.csv"'
