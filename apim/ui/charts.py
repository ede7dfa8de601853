"""Charts as inline SVG, drawn on the server. Colours come from classes, so that both themes work under a strict CSP.

Every chart has a title that says what is shown and a sentence for who cannot see it; a page adds the table.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from apim.listing import enumerated, labelled
from apim.ui.templatetags.formats import short_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx", "0")  # bottom to top; 0 = nobody saw the end
_HEIGHT, _BOTTOM, _TOP = 200, 24, 8
_LOWEST_TOP = 5  # one call is not a full column
_WARN_SHARE, _DANGER_SHARE = 0.8, 1.0
_ENDS = 2


class Frame(NamedTuple):
    """How wide a chart is drawn. Both are in the page; CSS shows the one whose letters can be read."""

    css: str
    width: int
    left: int
    x_labels: int


_FRAMES = (Frame("chart--wide", 900, 40, 6), Frame("chart--narrow", 280, 34, 2))


class Column(NamedTuple):
    """One step of the time axis: its label and the calls by status class."""

    label: str
    counts: Mapping[str, int]


def nice_ceiling(value: float) -> int:
    """The smallest of 1, 2, 5 times a power of ten that is not below the value."""
    if value <= 1:
        return 1
    power = 10 ** math.floor(math.log10(value))
    return next(int(step * power) for step in (1, 2, 5, 10) if step * power >= value)


def sparkline(values: Sequence[float], summary: str) -> SafeString:
    """A line without axes, 120 by 28, y from zero."""
    width, height = 120, 28
    top = max(values, default=0) or 1
    step = width / max(len(values) - 1, 1)
    rise = (height - 3) / top
    points = " ".join([f"{i * step:.1f},{height - 1 - value * rise:.1f}" for i, value in enumerate(values)])
    return SafeString(  # of numbers but for the summary
        f'<svg class="sparkline" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(summary)}"><polygon class="chart__area" points="0,{height} {points} {width},{height}"/>'
        f'<polyline class="chart__line" points="{points}"/></svg>'
    )


def status_bars(columns: Sequence[Column], title: str) -> SafeString:
    """Calls over time, stacked by status class, y from zero."""
    return format_html_join("", "{}", ((_status_bars(columns, title, frame),) for frame in _FRAMES))


def _status_bars(columns: Sequence[Column], title: str, frame: Frame) -> SafeString:
    top = nice_ceiling(max(_LOWEST_TOP, *(sum(column.counts.values()) for column in columns), 0))
    plot_height = _HEIGHT - _BOTTOM - _TOP
    slot = (frame.width - frame.left) / max(len(columns), 1)
    scale = plot_height / top
    bars = format_html_join(
        "", "{}", ((_bar(column, frame.left + i * slot, slot, scale),) for i, column in enumerate(columns))
    )
    return format_html(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        frame.css,
        frame.width,
        _HEIGHT,
        _sentence(columns, title),
        _grid(top, plot_height, frame),
        bars,
        _x_labels(columns, slot, frame),
    )


def gauge_bar(used: int, limit: int) -> SafeString:
    """The bar of a gauge, full at the limit."""
    share = min(used / limit, 1) if limit else 1
    return format_html(
        '<svg class="gauge__bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="gauge__track" width="100" height="8"/><rect class="gauge__fill" width="{}" height="8"/></svg>',
        f"{share * 100:.2f}",
    )


def gauge_kind(used: int, limit: int) -> str:
    """How worrying a gauge is: empty, warn from 80 %, danger when nothing is left."""
    share = used / limit if limit else 1
    return "danger" if share >= _DANGER_SHARE else "warn" if share >= _WARN_SHARE else ""


def share_bar(parts: Sequence[tuple[str, int]], summary: str) -> SafeString:
    """One bar cut into the shares of its parts; each part names its CSS class."""
    total = sum(value for _, value in parts) or 1
    rects, x = [], 0.0
    for css, value in parts:
        width = value / total * 100
        rects.append((css, f"{x:.2f}", f"{width:.2f}"))
        x += width
    return format_html(
        '<svg class="gauge__bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<rect class="gauge__track" width="100" height="8"/>{}</svg>',
        summary,
        format_html_join("", '<rect class="{}" x="{}" width="{}" height="8"/>', rects),
    )


def _bar(column: Column, x: float, slot: float, scale: float) -> SafeString:
    rects, base = [], float(_HEIGHT - _BOTTOM)
    for status_class in STATUS_CLASSES:
        calls = column.counts.get(status_class, 0)
        if calls:
            height = max(calls * scale, 1)
            base -= height
            rects.append((status_class, f"{base:.1f}", f"{height:.1f}"))
    gap = min(slot * 0.25, 4)
    body = format_html_join(
        "",
        '<rect class="chart__{}" x="{}" y="{}" width="{}" height="{}"/>',
        ((css, f"{x + gap / 2:.1f}", y, f"{slot - gap:.1f}", height) for css, y, height in rects),
    )
    told = enumerated(f"{column.counts[name]} {name}" for name in STATUS_CLASSES if column.counts.get(name)) or gettext(
        "no calls"
    )
    return format_html("<g><title>{}</title>{}</g>", labelled(column.label, told), body)


def _grid(top: int, plot_height: float, frame: Frame) -> SafeString:
    marks = sorted({0, top // 2, top})
    return format_html_join(
        "",
        '<line class="chart__axis" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (frame.left, frame.width, f"{y:.1f}", f"{y:.1f}", frame.left - 8, f"{y + 4:.1f}", short_count(mark))
            for mark in marks
            for y in (_HEIGHT - _BOTTOM - mark / top * plot_height,)
        ),
    )


def _x_labels(columns: Sequence[Column], slot: float, frame: Frame) -> SafeString:
    """Labels at even distances; where there is room for two, those of both ends: days are long in some languages."""
    every = max(math.ceil(len(columns) / frame.x_labels), 1)
    last = len(columns) - 1
    if frame.x_labels <= _ENDS and last > 0:
        shown = [(0, float(frame.left), "start"), (last, float(frame.width), "end")]
    else:
        shown = [(i, frame.left + (i + 0.5) * slot, "middle" if i else "start") for i in range(0, last + 1, every)]
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="{}">{}</text>',
        ((f"{x:.1f}", _HEIGHT - 6, anchor, columns[i].label) for i, x, anchor in shown),
    )


def _sentence(columns: Sequence[Column], title: str) -> str:
    totals = {name: sum(column.counts.get(name, 0) for column in columns) for name in STATUS_CLASSES}
    told = enumerated(f"{calls} {name}" for name, calls in totals.items() if calls) or gettext("no calls")
    return labelled(title, told)
