"""The picture beside an advice: who calls, what stands between, who is called. Inline SVG, wide and narrow. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apim.advice import Verdict

Point: TypeAlias = tuple[int, int]


class Node(NamedTuple):
    """A box. Shapes: note is the line below its name; a proxy of a mesh may stand beside it."""

    name: str
    note: str
    has_proxy: bool = False
    is_gateway: bool = False


_BOX, _HEIGHT, _GAP, _LANE = 172, 58, 64, 30
_PROXY_HEIGHT, _MARGIN, _HEAD = 24, 8, 7


def advice_picture(verdict: Verdict, answers: Mapping[str, bool]) -> SafeString:
    """The boxes of the verdict from left to right, and from top to bottom on narrow screens."""
    nodes = _nodes(verdict, answers)
    told = " → ".join(f"{node.name} ({node.note})" if node.note else node.name for node in nodes)
    return format_html("{}{}", _wide(nodes, told), _narrow(nodes, told))


def _nodes(verdict: Verdict, answers: Mapping[str, bool]) -> list[Node]:
    if verdict is Verdict.MESH:
        return [
            Node(_("One service"), _("of your product"), has_proxy=True),
            Node(_("Another service"), _("of the same product"), has_proxy=True),
        ]
    gateway = Node(_("Gateway"), _("keys, limits, versions"), is_gateway=True)
    if verdict is Verdict.BOTH:
        return [
            Node(_callers(answers), _("know one address")),
            gateway,
            Node(_("One service"), _("of your product"), has_proxy=True),
            Node(_("Another service"), _("of the same product"), has_proxy=True),
        ]
    return [Node(_callers(answers), _("know one address")), gateway, Node(_("Your services"), _("as they are"))]


def _callers(answers: Mapping[str, bool]) -> str:
    if answers["outside_developers"]:
        return _("Outside developers")
    return _("Your callers") if answers["one_product"] else _("Another product")


def _wide(nodes: Sequence[Node], told: str) -> SafeString:
    width = len(nodes) * _BOX + (len(nodes) - 1) * _GAP + 2 * _MARGIN
    height = _HEIGHT + _PROXY_HEIGHT + _LANE
    places = [(_MARGIN + index * (_BOX + _GAP), _MARGIN) for index in range(len(nodes))]
    ways = (
        _way((x + _BOX, y + _HEIGHT // 2), (x + _BOX + _GAP, y + _HEIGHT // 2), _secured(before, after))
        for (x, y), before, after in zip(places, nodes, nodes[1:], strict=False)
    )
    return _svg("composition--wide", (width, height), told, [*_boxes(nodes, places), *ways])


def _narrow(nodes: Sequence[Node], told: str) -> SafeString:
    step = _HEIGHT + _PROXY_HEIGHT + _LANE
    places = [(_MARGIN, _MARGIN + index * step) for index in range(len(nodes))]
    ways = []
    for (x, y), before, after in zip(places, nodes, nodes[1:], strict=False):
        begins = y + _HEIGHT + (_PROXY_HEIGHT if before.has_proxy else 0)
        ways.append(_way((x + _BOX // 2, begins), (x + _BOX // 2, y + step), _secured(before, after)))
    return _svg(
        "composition--narrow", (_BOX + 2 * _MARGIN + 80, len(nodes) * step), told, [*_boxes(nodes, places), *ways]
    )


def _secured(before: Node, after: Node) -> str:
    return "mTLS" if before.has_proxy and after.has_proxy else "HTTPS"


def _svg(css: str, size: Point, told: str, parts: Sequence[SafeString]) -> SafeString:
    width, height = size
    return format_html(
        '<svg class="composition {}" width="{}" height="{}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        css,
        width,
        height,
        width,
        height,
        told,
        format_html_join("", "{}", ((part,) for part in parts)),
    )


def _boxes(nodes: Sequence[Node], places: Sequence[tuple[int, int]]) -> list[SafeString]:
    return [_box(node, x, y) for node, (x, y) in zip(nodes, places, strict=True)]


def _box(node: Node, x: int, y: int) -> SafeString:
    middle = x + _BOX // 2
    proxy = SafeString("")
    if node.has_proxy:
        proxy = format_html(
            '<rect class="composition__box" x="{}" y="{}" width="{}" height="{}" rx="6"/>'
            '<text class="composition__note" x="{}" y="{}" text-anchor="middle">{}</text>',
            x + 24, y + _HEIGHT, _BOX - 48, _PROXY_HEIGHT, middle, y + _HEIGHT + 16, _("proxy of the mesh"),
        )  # fmt: skip
    return format_html(
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="6"/>'
        '<text class="composition__name" x="{}" y="{}" text-anchor="middle">{}</text>'
        '<text class="composition__note" x="{}" y="{}" text-anchor="middle">{}</text>{}',
        "composition__box" if node.is_gateway else "composition__pill",
        x, y, _BOX, _HEIGHT, middle, y + 26, node.name, middle, y + 44, node.note, proxy,
    )  # fmt: skip


def _way(begin: Point, end: Point, label: str) -> SafeString:
    (x, y), (to_x, to_y) = begin, end
    is_down = to_x == x
    head = (
        f"{to_x - 5},{to_y - _HEAD} {to_x + 5},{to_y - _HEAD} {to_x},{to_y}"
        if is_down
        else f"{to_x - _HEAD},{to_y - 5} {to_x - _HEAD},{to_y + 5} {to_x},{to_y}"
    )
    at = (x + 10, (y + to_y) // 2 + 4) if is_down else ((x + to_x) // 2, y - 8)
    return format_html(
        '<path class="composition__way" d="M{} {}L{} {}"/><polygon class="composition__head" points="{}"/>'
        '<text class="composition__note" x="{}" y="{}" text-anchor="{}">{}</text>',
        x, y, to_x, to_y, head, *at, "start" if is_down else "middle", label,
    )  # fmt: skip
