"""Plots over time as inline SVG: stacked bars and lines, y from zero, with marks of what happened meanwhile. Pure.

Colours come from classes, so that both themes work under a strict CSP. One path a series keeps a page light; the
titles that a pointer shows are those of the wide drawing alone. The page beside it has legend, table and sentence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apim.listing import enumerated, labelled
from apim.ui.charts import Frame, nice_ceiling
from apim.ui.templatetags.formats import short_count

_HEIGHT, _BOTTOM, _TOP = 220, 24, 14
_FRAMES = (Frame("chart--wide", 900, 72, 8), Frame("chart--narrow", 300, 40, 3))  # wide ones lie below one another
_FRAMES_OF_WORDS = (Frame("chart--wide", 900, 72, 8), Frame("chart--narrow", 300, 68, 3))
_LONE = 0.6  # of its step: how wide a point without neighbours is drawn


class Series(NamedTuple):
    """One row of values over time. Shapes: css is a class of components.css; None is no value."""

    css: str
    word: str
    values: Sequence[float | None]


class Mark(NamedTuple):
    """Something that happened. Shapes: place counts steps, parts of them included."""

    place: float
    word: str


class Axis(NamedTuple):
    """The time axis: a label and a full title for each step, and what a brush needs to name a part of it."""

    labels: Sequence[str]
    titles: Sequence[str]
    since: datetime
    step: timedelta
    beside: datetime | None = None  # where the other time begins, of two that are drawn over one another


def brush(axis: Axis) -> SafeString:
    """The attributes by which a brush names a part of the time."""
    written = "%Y-%m-%dT%H:%MZ"
    told = format_html(
        ' data-brush data-since="{}" data-step="{}" data-steps="{}"',
        axis.since.strftime(written),
        int(axis.step.total_seconds()),
        len(axis.labels),
    )
    return told if axis.beside is None else format_html('{} data-beside="{}"', told, axis.beside.strftime(written))


def stacked(axis: Axis, series: Sequence[Series], sentence: str, marks: Sequence[Mark] = ()) -> SafeString:
    """Series on one another, the first one at the bottom."""
    top = nice_ceiling(max((sum(column) for column in _columns(series)), default=0))
    return _both(axis, series, marks, sentence=sentence, top=top, is_stacked=True)


def lines(
    axis: Axis,
    series: Sequence[Series],
    sentence: str,
    marks: Sequence[Mark] = (),
    *,
    say: Callable[[float], str] | None = None,
) -> SafeString:
    """A line for each series; a gap where it has no value. Shapes: say writes a value and its unit; None for counts."""
    top = nice_ceiling(max((value for column in _columns(series) for value in column), default=0))
    return _both(axis, series, marks, sentence=sentence, top=top, is_stacked=False, say=say)


def _both(
    axis: Axis,
    series: Sequence[Series],
    marks: Sequence[Mark],
    *,
    sentence: str,
    top: int,
    is_stacked: bool,
    say: Callable[[float], str] | None = None,
) -> SafeString:
    drawn = (
        _draw(axis, series, marks, frame=frame, sentence=sentence, top=top, is_stacked=is_stacked, say=say)
        for frame in (_FRAMES_OF_WORDS if say else _FRAMES)
    )
    return format_html_join("", "{}", ((each,) for each in drawn))


def _columns(series: Sequence[Series]) -> list[list[float]]:
    return [[value or 0 for value in column] for column in zip(*(each.values for each in series), strict=True)]


def _draw(
    axis: Axis,
    series: Sequence[Series],
    marks: Sequence[Mark],
    *,
    frame: Frame,
    sentence: str,
    top: int,
    is_stacked: bool,
    say: Callable[[float], str] | None,
) -> SafeString:
    slot = (frame.width - frame.left) / max(len(axis.labels), 1)
    scale = (_HEIGHT - _BOTTOM - _TOP) / top
    shapes = _bars(series, frame.left, slot, scale) if is_stacked else _lines(series, frame.left, slot, scale)
    return format_html(
        '<svg class="chart plot {}" viewBox="0 0 {} {}" role="img" aria-label="{}"{} data-left="{}">{}{}{}{}{}</svg>',
        frame.css,
        frame.width,
        _HEIGHT,
        sentence,
        brush(axis),
        frame.left,
        _grid(top, frame, say or _mark_text),
        format_html_join("", "{}", ((each,) for each in shapes)),
        _x_labels(axis.labels, slot, frame),
        _titles(axis, series, slot, frame, say=say or _counted) if frame.css == _FRAMES[0].css else "",
        drawn_marks(marks, frame, slot, bottom=_HEIGHT - _BOTTOM, top=_TOP),
    )


def _bars(series: Sequence[Series], left: float, slot: float, scale: float) -> Iterator[SafeString]:
    bases = [float(_HEIGHT - _BOTTOM)] * max((len(each.values) for each in series), default=0)
    gap = min(slot * 0.25, 4)
    for each in series:
        drawn = []
        for place, value in enumerate(each.values):
            if value:
                height = max(value * scale, 1)
                bases[place] -= height
                x = left + place * slot + gap / 2
                drawn.append(f"M{x:.1f} {bases[place]:.1f}h{slot - gap:.1f}v{height:.1f}h-{slot - gap:.1f}z")
        if drawn:
            yield format_html('<path class="{}" d="{}"/>', each.css, "".join(drawn))


def _lines(series: Sequence[Series], left: float, slot: float, scale: float) -> Iterator[SafeString]:
    for each in series:
        drawn, is_open = [], False
        for place, value in enumerate(each.values):
            if value is not None:
                x, y = left + (place + 0.5) * slot, _HEIGHT - _BOTTOM - value * scale
                is_alone = not is_open and (place + 1 == len(each.values) or each.values[place + 1] is None)
                if is_alone:  # a line of one point would not be seen: it is as wide as its step
                    drawn.append(f"M{x - _LONE / 2 * slot:.1f} {y:.1f}h{_LONE * slot:.1f}")
                else:
                    drawn.append(f"{'L' if is_open else 'M'}{x:.1f} {y:.1f}")
            is_open = value is not None
        if drawn:
            yield format_html('<path class="plot__line {}" d="{}"/>', each.css, "".join(drawn))


def drawn_marks(marks: Sequence[Mark], frame: Frame, slot: float, *, bottom: int, top: int) -> SafeString:
    """A line with a head for each, from bottom to top."""
    return format_html_join(
        "",
        '<g><title>{}</title><path class="plot__mark" d="M{} {}V{}m-4 0h8l-4 6z"/></g>',
        ((mark.word, f"{frame.left + mark.place * slot:.1f}", bottom, top - 6) for mark in marks),
    )


def _grid(top: int, frame: Frame, say: Callable[[float], str]) -> SafeString:
    plot = _HEIGHT - _BOTTOM - _TOP
    marks = sorted({0, top / 2 if top % 2 else top // 2, top})
    return format_html_join(
        "",
        '<line class="chart__axis" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (frame.left, frame.width, y, y, frame.left - 8, f"{float(y) + 4:.1f}", say(mark))
            for mark in marks
            for y in (f"{_HEIGHT - _BOTTOM - mark / top * plot:.1f}",)
        ),
    )


def _mark_text(mark: float) -> str:
    return short_count(int(mark)) if mark == int(mark) else f"{mark:g}"


def _x_labels(labels: Sequence[str], slot: float, frame: Frame) -> SafeString:
    every = max(math.ceil(len(labels) / frame.x_labels), 1)
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        (
            (f"{frame.left + (place + 0.5) * slot:.1f}", _HEIGHT - 6, label)
            for place, label in enumerate(labels)
            if place % every == 0 and place + every / 2 <= len(labels)
        ),
    )


def _titles(
    axis: Axis, series: Sequence[Series], slot: float, frame: Frame, *, say: Callable[[float], str]
) -> SafeString:
    """What a pointer is told of each step."""
    size = f'y="0" width="{slot:.1f}" height="{_HEIGHT - _BOTTOM}"'
    words = [escape(each.word) for each in series]
    drawn = [
        f'<rect class="plot__hit" x="{frame.left + place * slot:.1f}" {size}>'
        f"<title>{labelled(escape(title), _told(words, series, place, say))}</title></rect>"
        for place, title in enumerate(axis.titles)
    ]
    return SafeString("".join(drawn))


def _told(words: Sequence[str], series: Sequence[Series], place: int, say: Callable[[float], str]) -> str:
    values = ((word, each.values[place]) for word, each in zip(words, series, strict=True))
    return enumerated([f"{word} {say(value)}" for word, value in values if value]) or "0"


def _counted(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,g}"
