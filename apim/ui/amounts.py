"""Amounts by month as bars, in inline SVG: parts stacked on one another, y from zero. Pure.

Colours come from classes, so that both themes work under a strict CSP. The page beside it says the same in a table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apim.listing import enumerated, labelled
from apim.ui.charts import nice_ceiling
from apim.ui.templatetags.formats import short_count

_HEIGHT, _BOTTOM, _TOP = 200, 24, 8


class Frame(NamedTuple):
    """How wide a chart is drawn. Both are in the page; CSS shows the one whose letters can be read."""

    css: str
    width: int
    left: int
    x_labels: int


class Amounts(NamedTuple):
    """One bar: its label, and its amounts by part."""

    label: str
    parts: Mapping[str, float]


_FRAMES = (Frame("chart--wide", 900, 48, 12), Frame("chart--narrow", 280, 40, 3))


def amount_bars(bars: Sequence[Amounts], title: str, unit: str) -> SafeString:
    """Both drawings. Shapes: parts stand on one another in their order, the first one at the bottom."""
    return format_html_join("", "{}", ((_draw(bars, title, unit, frame),) for frame in _FRAMES))


def _draw(bars: Sequence[Amounts], title: str, unit: str, frame: Frame) -> SafeString:
    top = nice_ceiling(max((sum(bar.parts.values()) for bar in bars), default=0))
    plot, slot = _HEIGHT - _BOTTOM - _TOP, (frame.width - frame.left) / max(len(bars), 1)
    drawn = [_bar(bar, x=frame.left + i * slot, slot=slot, scale=plot / top, unit=unit) for i, bar in enumerate(bars)]
    return format_html(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        frame.css,
        frame.width,
        _HEIGHT,
        _sentence(bars, title, unit),
        _grid(top, plot, frame),
        format_html_join("", "{}", ((each,) for each in drawn)),
        _labels(bars, slot, frame),
    )


def _bar(bar: Amounts, *, x: float, slot: float, scale: float, unit: str) -> SafeString:
    rects, base, gap = [], float(_HEIGHT - _BOTTOM), min(slot * 0.3, 14)
    for number, amount in enumerate(bar.parts.values(), 1):
        if amount > 0:
            height = max(amount * scale, 1)
            base -= height
            rects.append((number, f"{x + gap / 2:.1f}", f"{base:.1f}", f"{slot - gap:.1f}", f"{height:.1f}"))
    told = enumerated(f"{name} {amount:,.2f} {unit}" for name, amount in bar.parts.items() if amount) or _("nothing")
    body = format_html_join("", '<rect class="chart__part-{}" x="{}" y="{}" width="{}" height="{}"/>', rects)
    return format_html("<g><title>{}</title>{}</g>", labelled(bar.label, told), body)


def _grid(top: int, plot: float, frame: Frame) -> SafeString:
    marks = [(mark, _HEIGHT - _BOTTOM - mark / top * plot) for mark in sorted({0, top // 2, top})]
    return format_html_join(
        "",
        '<line class="chart__axis" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (frame.left, frame.width, f"{y:.1f}", f"{y:.1f}", frame.left - 8, f"{y + 4:.1f}", short_count(mark))
            for mark, y in marks
        ),
    )


def _labels(bars: Sequence[Amounts], slot: float, frame: Frame) -> SafeString:
    every = max(math.ceil(len(bars) / frame.x_labels), 1)
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        (
            (f"{frame.left + (i + 0.5) * slot:.1f}", _HEIGHT - 6, bar.label)
            for i, bar in enumerate(bars)
            if i % every == 0
        ),
    )


def _sentence(bars: Sequence[Amounts], title: str, unit: str) -> str:
    if not bars:
        return _("%(title)s: nothing") % {"title": title}
    first, last = (sum(bar.parts.values()) for bar in (bars[0], bars[-1]))
    return _("%(title)s: %(first)s %(unit)s in %(since)s, %(last)s %(unit)s in %(until)s") % {
        "title": title,
        "first": f"{first:,.2f}",
        "unit": unit,
        "since": bars[0].label,
        "last": f"{last:,.2f}",
        "until": bars[-1].label,
    }
