"""A heat map as inline SVG: time along, durations upwards, the darker the more calls. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apim.listing import labelled
from apim.ui.charts import Frame
from apim.ui.plots import Axis, Mark, brush, drawn_marks

LEVELS = 5
_ROW, _BOTTOM, _TOP = 14, 24, 12
_FRAMES = (Frame("chart--wide", 900, 72, 8), Frame("chart--narrow", 300, 68, 3))


class Band(NamedTuple):
    """Durations that are drawn as one row: their label and the calls of each step."""

    label: str
    calls: Sequence[int]


def heatmap(
    axis: Axis, bands: Sequence[Band], told: Sequence[str], sentence: str, *, marks: Sequence[Mark] = ()
) -> SafeString:
    """Both drawings. Shapes: bands from the shortest durations to the longest; told says each step to a pointer."""
    drawn = (_draw(axis, bands, told, marks, sentence=sentence, frame=frame) for frame in _FRAMES)
    return format_html_join("", "{}", ((each,) for each in drawn))


def level_of(calls: int, most: int) -> int:
    """How dark: 1 to LEVELS by the logarithm, so that a few calls are seen beside many; 0 for none."""
    if not calls:
        return 0
    return 1 + min(LEVELS - 1, int(LEVELS * math.log1p(calls) / math.log1p(most) - 1e-9)) if most > 1 else LEVELS


def _draw(
    axis: Axis, bands: Sequence[Band], told: Sequence[str], marks: Sequence[Mark], *, sentence: str, frame: Frame
) -> SafeString:
    height = _TOP + _ROW * len(bands) + _BOTTOM
    slot = (frame.width - frame.left) / max(len(axis.labels), 1)
    return format_html(
        '<svg class="chart plot {}" viewBox="0 0 {} {}" role="img" aria-label="{}"{} data-left="{}">{}{}{}{}{}</svg>',
        frame.css,
        frame.width,
        height,
        sentence,
        brush(axis),
        frame.left,
        _cells(bands, frame, slot),
        _band_labels(bands, frame),
        _x_labels(axis, frame, slot, height),
        _titles(axis, told, frame, slot=slot, height=height) if frame is _FRAMES[0] else "",
        drawn_marks(marks, frame, slot, bottom=height - _BOTTOM, top=_TOP - 2),
    )


def _cells(bands: Sequence[Band], frame: Frame, slot: float) -> SafeString:
    """One path a level: a page with a thousand rectangles is heavy."""
    most = max((calls for band in bands for calls in band.calls), default=0)
    paths: dict[int, list[str]] = {}
    width = max(slot - 1, 0.5)
    for row, band in enumerate(bands):
        y = _TOP + _ROW * (len(bands) - 1 - row)
        for place, calls in enumerate(band.calls):
            if level := level_of(calls, most):
                x = frame.left + place * slot
                paths.setdefault(level, []).append(f"M{x:.1f} {y}h{width:.1f}v{_ROW - 1}h-{width:.1f}z")
    drawn = ((level, "".join(shapes)) for level, shapes in sorted(paths.items()))
    return format_html_join("", '<path class="heat-{}" d="{}"/>', drawn)


def _band_labels(bands: Sequence[Band], frame: Frame) -> SafeString:
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (frame.left - 8, _TOP + _ROW * (len(bands) - 1 - row) + 11, band.label)
            for row, band in enumerate(bands)
            if row % 2 == 0
        ),
    )


def _x_labels(axis: Axis, frame: Frame, slot: float, height: int) -> SafeString:
    every = max(math.ceil(len(axis.labels) / frame.x_labels), 1)
    return format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        (
            (f"{frame.left + (place + 0.5) * slot:.1f}", height - 6, label)
            for place, label in enumerate(axis.labels)
            if place % every == 0 and place + every / 2 <= len(axis.labels)
        ),
    )


def _titles(axis: Axis, told: Sequence[str], frame: Frame, *, slot: float, height: int) -> SafeString:
    size = f'y="0" width="{slot:.1f}" height="{height - _BOTTOM}"'
    drawn = [
        f'<rect class="plot__hit" x="{frame.left + place * slot:.1f}" {size}>'
        f"<title>{escape(labelled(title, told[place]))}</title></rect>"
        for place, title in enumerate(axis.titles)
    ]
    return SafeString("".join(drawn))
