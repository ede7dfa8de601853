"""A balance over days as inline SVG: what was left at the end of each, and where it leads at the present pace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

_HEIGHT, _BOTTOM, _TOP = 180, 24, 12
_WIDTHS: Final = (("chart--wide", 900, 64), ("chart--narrow", 280, 56))


class Drawdown(NamedTuple):
    """What is drawn. Shapes: labels = the amount at the top, the first day, the last day; summary is read out."""

    balances: Sequence[int]
    ahead: Sequence[int]
    labels: tuple[str, str, str]
    summary: str


def drawdown(picture: Drawdown) -> SafeString:
    """The line of balances and a dashed one of what is ahead, y from zero."""
    return format_html_join("", "{}", ((_drawn(picture, frame),) for frame in _WIDTHS))


def _drawn(picture: Drawdown, frame: tuple[str, int, int]) -> SafeString:
    balances, ahead, labels, summary = picture
    css, width, left = frame
    plot = _HEIGHT - _BOTTOM - _TOP
    top = max(*balances, 1)
    step = (width - left) / max(len(balances) + len(ahead) - 1, 1)

    def point(at: int, value: int) -> str:
        return f"{left + at * step:.1f},{_TOP + plot - max(value, 0) / top * plot:.1f}"

    line = " ".join(point(at, value) for at, value in enumerate(balances))
    here = len(balances) - 1
    coming = " ".join(point(here + at, value) for at, value in enumerate([balances[-1], *ahead]))
    floor, end = _TOP + plot, f"{left + here * step:.1f}"
    return format_html(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        '<line class="chart__axis" x1="{}" y1="{}" x2="{}" y2="{}"/><line class="chart__axis" x1="{}" y1="{}" x2="{}"'
        ' y2="{}"/><polygon class="chart__area" points="{},{} {} {},{}"/><polyline class="chart__line" points="{}"/>'
        '<polyline class="chart__line chart__line--ahead" points="{}"/>'
        '<text x="{}" y="{}" text-anchor="end">{}</text>'
        '<text x="{}" y="{}" text-anchor="end">0</text>'
        '<text x="{}" y="{}">{}</text>'
        '<text x="{}" y="{}" text-anchor="end">{}</text></svg>',
        *(css, width, _HEIGHT, summary),
        *(left, floor, width, floor, left, _TOP, width, _TOP),
        *(left, floor, line, end, floor, line, coming),
        *(left - 6, _TOP + 4, labels[0], left - 6, floor + 4),
        *(left, _HEIGHT - 6, labels[1], width, _HEIGHT - 6, labels[2]),
    )
