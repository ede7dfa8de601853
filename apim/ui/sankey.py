"""A flow from left to right as inline SVG: the width of a ribbon is how much, its class how well. Pure.

Drawn for wide screens alone: the list beside it says the same, and is what narrow screens show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apim.ui.templatetags.formats import short_count

_WIDTH, _SIDE, _BAR, _GAP, _LEAST = 900, 230, 10, 10, 2.0
_PLOT_HEIGHT = 360
_LETTERS = 28


class Ribbon(NamedTuple):
    """How much goes from one to another. Shapes: css is a class of components.css."""

    source: str
    target: str
    calls: int
    css: str
    told: str


def sankey(ribbons: Sequence[Ribbon], sentence: str) -> SafeString:
    """The picture; the sources and targets stand in the order in which they come first."""
    sources, targets = _sums(ribbons, is_source=True), _sums(ribbons, is_source=False)
    whole = sum(ribbon.calls for ribbon in ribbons) or 1
    rows = max(len(sources), len(targets), 1)
    height = _PLOT_HEIGHT + _GAP * rows
    left = _places(sources, whole)
    right = _places(targets, whole)
    used_left, used_right = dict.fromkeys(sources, 0.0), dict.fromkeys(targets, 0.0)
    paths = []
    for ribbon in ribbons:
        size = max(ribbon.calls / whole * _PLOT_HEIGHT, _LEAST)
        y0, y1 = left[ribbon.source][0] + used_left[ribbon.source], right[ribbon.target][0] + used_right[ribbon.target]
        used_left[ribbon.source] += size
        used_right[ribbon.target] += size
        paths.append((ribbon.css, _path(y0, y1, size), ribbon.told))
    return format_html(
        '<svg class="chart sankey chart--wide" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        _WIDTH,
        round(height),
        sentence,
        format_html_join("", '<path class="sankey__way {}" d="{}"><title>{}</title></path>', paths),
        _bars(left, sources, x=_SIDE - _BAR, is_left=True),
        _bars(right, targets, x=_WIDTH - _SIDE, is_left=False),
    )


def _sums(ribbons: Sequence[Ribbon], *, is_source: bool) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for ribbon in ribbons:
        found.setdefault(ribbon.source if is_source else ribbon.target, []).append(ribbon.calls)
    return found


def _places(sums: dict[str, list[int]], whole: int) -> dict[str, tuple[float, float]]:
    """Where each name's bar begins, and how high it is."""
    found, y = {}, 0.0
    for name, parts in sums.items():
        size = sum(max(calls / whole * _PLOT_HEIGHT, _LEAST) for calls in parts)
        found[name] = (y, size)
        y += max(size, _GAP) + _GAP
    return found


def _path(y0: float, y1: float, size: float) -> str:
    x0, x1 = _SIDE, _WIDTH - _SIDE
    middle = (x0 + x1) / 2
    return (
        f"M{x0} {y0:.1f}C{middle} {y0:.1f} {middle} {y1:.1f} {x1} {y1:.1f}v{size:.1f}"
        f"C{middle} {y1 + size:.1f} {middle} {y0 + size:.1f} {x0} {y0 + size:.1f}z"
    )


def _bars(places: dict[str, tuple[float, float]], sums: dict[str, list[int]], *, x: int, is_left: bool) -> SafeString:
    text_x, anchor = (x - 8, "end") if is_left else (x + _BAR + 8, "start")
    return format_html_join(
        "",
        '<rect class="sankey__bar" x="{}" y="{}" width="{}" height="{}"/>'
        '<text class="sankey__name" x="{}" y="{}" text-anchor="{}">{} <tspan class="sankey__note">{}</tspan></text>',
        (
            (x, f"{y:.1f}", _BAR, f"{size:.1f}", text_x, f"{y + max(size, _GAP) / 2 + 4:.1f}", anchor, _cut(name),
             short_count(sum(sums[name])))
            for name, (y, size) in places.items()
        ),
    )  # fmt: skip


def _cut(name: str) -> str:
    return name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
