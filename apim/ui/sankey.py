"""A flow from left to right in three columns: the width of a ribbon is how much, its class how well. Pure.

Wide screens have it as inline SVG. Narrow ones have the same ribbons as a list by what stands in the middle: what comes
to it, and where that goes on to, each with a bar.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from apim.listing import enumerated
from apim.ui.templatetags.formats import short_count

_WIDTH, _BAR, _GAP, _LEAST, _TOP = 900, 10, 12, 2.0, 26
_PLOT_HEIGHT = 360
_BARS_AT: Final = (200, 445, 690)  # from the left: where the bars of each column begin
_LETTERS = 24  # of a name, the letters of East Asia counted as two


class Ribbon(NamedTuple):
    """How much goes from one to another. Shapes: css is a class of analytics.css; note says how well, in words."""

    source: str
    target: str
    calls: int
    css: str
    told: str
    note: str = ""


class Sides(NamedTuple):
    """The words above the columns, and those before the two lists of the narrow form."""

    columns: tuple[str, str, str]
    comes: str
    goes: str


class _Place(NamedTuple):
    y: float
    size: float
    calls: int


def sankey(arriving: Sequence[Ribbon], leaving: Sequence[Ribbon], sides: Sides, sentence: str) -> SafeString:
    """Both drawings. Shapes: arriving go to the middle column, leaving go on from it; names are in the order given."""
    return format_html("{}{}", _wide(arriving, leaving, sides, sentence), _narrow(arriving, leaving, sides))


def _wide(arriving: Sequence[Ribbon], leaving: Sequence[Ribbon], sides: Sides, sentence: str) -> SafeString:
    whole = max(_calls(arriving), _calls(leaving), 1)
    sums = _sums(arriving, is_source=True), _middle(arriving, leaving), _sums(leaving, is_source=False)
    heights = [sum(_size_of(parts, whole) + _GAP for parts in column.values()) for column in sums]
    columns = [
        _places(column, whole, _TOP + (max(heights) - own) / 2) for column, own in zip(sums, heights, strict=True)
    ]
    ways = [
        *_paths(arriving, columns[0], columns[1], place=0, whole=whole),
        *_paths(leaving, columns[1], columns[2], place=1, whole=whole),
    ]
    return format_html(
        '<svg class="chart sankey chart--wide" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}{}</svg>',
        _WIDTH,
        round(_TOP + max(heights)),
        sentence,
        _titles(sides.columns),
        format_html_join("", '<path class="sankey__way {}" d="{}"><title>{}</title></path>', ways),
        format_html_join("", "{}", ((_bars(places, number),) for number, places in enumerate(columns))),
    )


def _calls(ribbons: Iterable[Ribbon]) -> int:
    return sum(ribbon.calls for ribbon in ribbons)


def _sums(ribbons: Iterable[Ribbon], *, is_source: bool) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for ribbon in ribbons:
        found.setdefault(ribbon.source if is_source else ribbon.target, []).append(ribbon.calls)
    return found


def _middle(arriving: Sequence[Ribbon], leaving: Sequence[Ribbon]) -> dict[str, list[int]]:
    """What the middle column's names have on the side where it is more: thin ribbons are drawn wider than they are."""
    comes, goes = _sums(arriving, is_source=False), _sums(leaving, is_source=True)
    return {name: max(comes.get(name, []), goes.get(name, []), key=sum) for name in {**comes, **goes}}


def _size_of(parts: Iterable[int], whole: int) -> float:
    return max(sum(max(calls / whole * _PLOT_HEIGHT, _LEAST) for calls in parts), _LEAST)


def _places(sums: dict[str, list[int]], whole: int, y: float) -> dict[str, _Place]:
    """Where each name's bar begins, and how high it is."""
    found = {}
    for name, parts in sums.items():
        size = _size_of(parts, whole)
        found[name] = _Place(y, size, sum(parts))
        y += size + _GAP
    return found


def _paths(
    ribbons: Sequence[Ribbon], left: dict[str, _Place], right: dict[str, _Place], *, place: int, whole: int
) -> list[tuple[str, str, str]]:
    """The class, path and title of each ribbon; those of one bar lie below one another."""
    used_left, used_right = dict.fromkeys(left, 0.0), dict.fromkeys(right, 0.0)
    paths = []
    for ribbon in ribbons:
        size = max(ribbon.calls / whole * _PLOT_HEIGHT, _LEAST)
        y0, y1 = left[ribbon.source].y + used_left[ribbon.source], right[ribbon.target].y + used_right[ribbon.target]
        used_left[ribbon.source] += size
        used_right[ribbon.target] += size
        paths.append((ribbon.css, _path(_BARS_AT[place] + _BAR, _BARS_AT[place + 1], (y0, y1), size), ribbon.told))
    return paths


def _path(x0: int, x1: int, y: tuple[float, float], size: float) -> str:
    middle, (y0, y1) = (x0 + x1) / 2, y
    return (
        f"M{x0} {y0:.1f}C{middle} {y0:.1f} {middle} {y1:.1f} {x1} {y1:.1f}v{size:.1f}"
        f"C{middle} {y1 + size:.1f} {middle} {y0 + size:.1f} {x0} {y0 + size:.1f}z"
    )


def _titles(words: Sequence[str]) -> SafeString:
    ends = ((_BARS_AT[0] + _BAR, "end"), (_BARS_AT[1] + _BAR / 2, "middle"), (_BARS_AT[2], "start"))
    drawn = ((x, anchor, word) for (x, anchor), word in zip(ends, words, strict=True))
    return format_html_join("", '<text class="sankey__title" x="{}" y="12" text-anchor="{}">{}</text>', drawn)


def _bars(places: dict[str, _Place], column: int) -> SafeString:
    """The bars of a column with their names: left of the first one, right of the others."""
    x = _BARS_AT[column]
    over = " sankey__name--over" if column == 1 else ""  # it lies on ribbons
    text_x, anchor = (x - 8, "end") if column == 0 else (x + _BAR + 8, "start")
    return format_html_join(
        "",
        '<rect class="sankey__bar" x="{}" y="{}" width="{}" height="{}"/>'
        '<text class="sankey__name{}" x="{}" y="{}" text-anchor="{}"><title>{}</title>{} '
        '<tspan class="sankey__note">{}</tspan></text>',
        (
            (x, f"{place.y:.1f}", _BAR, f"{place.size:.1f}", over, text_x, f"{place.y + place.size / 2 + 4:.1f}",
             anchor, name, _cut(name), short_count(place.calls))
            for name, place in places.items()
        ),
    )  # fmt: skip


def _cut(name: str) -> str:
    """The beginning of a name that fits."""
    used = 0
    for place, letter in enumerate(name):
        used += 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if used > _LETTERS:
            return f"{name[: max(place - 1, 1)]}…"
    return name


def _narrow(arriving: Sequence[Ribbon], leaving: Sequence[Ribbon], sides: Sides) -> SafeString:
    most = max((ribbon.calls for ribbon in (*arriving, *leaving)), default=0) or 1
    blocks = []
    for name, parts in _middle(arriving, leaving).items():
        comes = [ribbon for ribbon in arriving if ribbon.target == name]
        goes = [ribbon for ribbon in leaving if ribbon.source == name]
        lists = [
            _listed(sides.comes, [(ribbon.source, ribbon) for ribbon in comes], most),
            _listed(sides.goes, [(ribbon.target, ribbon) for ribbon in goes], most),
        ]
        blocks.append((name, short_count(sum(parts)), format_html_join("", "{}", ((each,) for each in lists if each))))
    drawn = format_html_join(
        "",
        '<li class="ways__place"><p class="ways__name"><strong>{}</strong><span class="ways__count">{}</span></p>{}'
        "</li>",
        blocks,
    )
    return format_html('<ol class="ways chart--narrow">{}</ol>', drawn)


def _listed(word: str, ways: Sequence[tuple[str, Ribbon]], most: int) -> SafeString | str:
    if not ways:
        return ""
    rows = (
        (name, enumerated(each for each in (short_count(ribbon.calls), ribbon.note) if each), ribbon.css,
         f"{max(ribbon.calls / most * 100, 1):.1f}")
        for name, ribbon in ways
    )  # fmt: skip
    drawn = format_html_join(
        "",
        '<li><span class="ways__end">{}</span><span class="ways__count">{}</span>'
        '<svg class="ways__bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="sankey__way {}" width="{}" height="6"/></svg></li>',
        rows,
    )
    return format_html('<p class="ways__word">{}</p><ul class="ways__list">{}</ul>', word, drawn)
