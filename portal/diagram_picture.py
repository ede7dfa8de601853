"""The states of a subscription as inline SVG, drawn on the server; colours come from classes, for both themes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

_MARGIN = 4
_SHORT = 10  # letters that fit a box of the narrow picture


@dataclass(frozen=True, slots=True)
class Node:
    """A state. Shapes: column along the way, row beside it; note = a date below the label, "" for none."""

    label: str
    column: int
    row: int
    is_here: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where boxes stand.

    Shapes: is_upright = the way leads down, for phones; least is how wide a short way is drawn at least, so that its
    letters are no larger than others'. Units: pixels of the picture.
    """

    css: str
    box: tuple[int, int]
    gap: tuple[int, int]
    least: int
    is_upright: bool

    def at(self, node: Node) -> tuple[int, int]:
        """The upper left corner of a box."""
        across, down = (node.row, node.column) if self.is_upright else (node.column, node.row)
        return _MARGIN + across * (self.box[0] + self.gap[0]), _MARGIN + down * (self.box[1] + self.gap[1])


_GRIDS = (
    _Grid("chart--wide", (124, 48), (34, 26), 860, is_upright=False),
    _Grid("chart--narrow", (88, 46), (18, 22), 0, is_upright=True),
)


def draw(nodes: Mapping[str, Node], ways: Sequence[tuple[str, str]], summary: str) -> tuple[SafeString, ...]:
    """The picture for wide pages and the one for phones; the summary is read out instead of them."""
    return tuple(_draw(grid, nodes, ways, summary) for grid in _GRIDS)


def _draw(grid: _Grid, nodes: Mapping[str, Node], ways: Sequence[tuple[str, str]], summary: str) -> SafeString:
    first_row = min(node.row for node in nodes.values())
    placed = {name: grid.at(_lifted(node, first_row)) for name, node in nodes.items()}
    width = max(x for x, _ in placed.values()) + grid.box[0] + _MARGIN
    width = max(width, grid.least)
    height = max(y for _, y in placed.values()) + grid.box[1] + _MARGIN
    lines = [_line(grid, placed[start], placed[end]) for start, end in ways]
    boxes = [_box(grid, node, placed[name]) for name, node in nodes.items()]
    return format_html(
        '<svg class="chart {} states-picture" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>',
        grid.css,
        width,
        height,
        summary,
        format_html_join("", "{}", ((line,) for line in lines)),
        format_html_join("", "{}", ((box,) for box in boxes)),
    )


def _lifted(node: Node, first_row: int) -> Node:
    return Node(node.label, node.column, node.row - first_row)


def _line(grid: _Grid, start: tuple[int, int], end: tuple[int, int]) -> SafeString:
    """A line from the edge of a box to the edge of the other, with a head."""
    width, height = grid.box
    middle = ((start[0] + width / 2, start[1] + height / 2), (end[0] + width / 2, end[1] + height / 2))
    if start[1] == end[1]:
        way = 1 if end[0] > start[0] else -1
        x1, x2, y = middle[0][0] + way * width / 2, middle[1][0] - way * width / 2, middle[0][1]
        head = f"{x2:.0f},{y:.0f} {x2 - way * 6:.0f},{y - 4:.0f} {x2 - way * 6:.0f},{y + 4:.0f}"
        return _stroke((x1, y), (x2, y), head)
    way = 1 if end[1] > start[1] else -1
    y1, y2, x = middle[0][1] + way * height / 2, middle[1][1] - way * height / 2, middle[0][0]
    head = f"{x:.0f},{y2:.0f} {x - 4:.0f},{y2 - way * 6:.0f} {x + 4:.0f},{y2 - way * 6:.0f}"
    return _stroke((x, y1), (x, y2), head)


def _stroke(start: tuple[float, float], end: tuple[float, float], head: str) -> SafeString:
    return format_html(
        '<line class="states-picture__way" x1="{}" y1="{}" x2="{}" y2="{}"/>'
        '<polygon class="states-picture__head" points="{}"/>',
        *map(round, (*start, *end)),
        head,
    )


def _box(grid: _Grid, node: Node, at: tuple[int, int]) -> SafeString:
    width, height = grid.box
    kind = " states-picture__box--here" if node.is_here else " states-picture__box--next" if node.note else ""
    words = _split(node.label) if grid.is_upright and len(node.label) > _SHORT else [node.label]
    lines = [*((word, "states-picture__label") for word in words)]
    if node.is_here and not grid.is_upright:
        lines.append((_("you are here"), "states-picture__note"))
    elif node.note:
        lines.append((node.note, "states-picture__note"))
    top = at[1] + height / 2 - (len(lines) - 1) * 7.5 + 4
    texts = format_html_join(
        "",
        '<text class="{}" x="{}" y="{}" text-anchor="middle">{}</text>',
        ((css, at[0] + width // 2, round(top + index * 15, 1), text) for index, (text, css) in enumerate(lines)),
    )
    return format_html(
        '<g><rect class="states-picture__box{}" x="{}" y="{}" width="{}" height="{}" rx="8"/>{}</g>',
        kind,
        at[0],
        at[1],
        width,
        height,
        texts,
    )


def _split(label: str) -> list[str]:
    """A label in two lines, cut at the space nearest to its middle."""
    spaces = [index for index, letter in enumerate(label) if letter == " "]
    if not spaces:
        return [label]
    cut = min(spaces, key=lambda index: abs(index - len(label) / 2))
    return [label[:cut], label[cut + 1 :]]
