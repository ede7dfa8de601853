"""Rows of figures as HTML: numbers as people read them, durations alike wherever they stand."""

from __future__ import annotations

import re

from apim.console.insight.figures import Cell, Figure
from apim.console.templatetags.insight import figure_rows


def texts(headers: list[str], *rows: list[Cell]) -> list[list[str]]:
    drawn = figure_rows(Figure(key="x", title="", note="", headers=headers, rows=rows))
    return [re.findall(r">([^<>]+)</t[hd]>", row) for row in drawn.split("</tr>") if row]


def test_durations_are_as_precise_as_on_axes_whether_a_column_or_a_row_has_them() -> None:
    times = ["GET /a", 953.51, 5.07, 0.0523]
    assert texts(["Operation", "p95 (ms)", "p50 (ms)", "Took (ms)"], times) == [["GET /a", "954", "5.1", "0.052"]]
    assert texts(["Number", "v1", "v2", "Change %"], ["p99 (ms)", 1347.37, 4.0, 41.25]) == [
        ["p99 (ms)", "1,347", "4.0", "41.25"]
    ]


def test_what_is_less_than_one_is_not_rounded_to_nothing() -> None:
    assert texts(["A", "Calls", "Calls a second", "4xx %"], ["x", 1234567, 0.00448, 0.0]) == [
        ["x", "1,234,567", "0.00448", "0"]
    ]
