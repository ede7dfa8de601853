"""Routing: from a method and a canonical path to a route.

Paths without parameters sit in one dictionary; templates in a tree of segments for each version. Concrete segments win
over parameters (OpenAPI 3, Paths Object), and the path is chosen before the method.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote_to_bytes

from gateway_sync.runtime.core.paths import canonical_path

if TYPE_CHECKING:
    from gateway_sync.runtime.core.index import Index, RouteEntry, VersionEntry

_PARAMETER: Final = re.compile(r"\{[^{}]*\}")
_REST: Final = "{*}"
_SAFE: Final = "!$&'()*+,;=:@%"


class Node:
    """A segment of a template: concrete children, patterns such as `{id}.json`, the parameter child, the routes."""

    __slots__ = ("concrete", "methods", "parameter", "patterns", "rest")

    def __init__(self) -> None:
        """A node without children or routes."""
        self.concrete: dict[bytes, Node] = {}
        self.patterns: list[tuple[tuple[bytes, ...], Node]] = []  # by the texts around their parameters
        self.parameter: Node | None = None
        self.methods: dict[bytes, RouteEntry] = {}
        self.rest: dict[bytes, RouteEntry] = {}


class Match:
    """What a path led to: a route; or the version, and the methods that the path would allow."""

    __slots__ = ("allowed", "route", "version")

    def __init__(self, route: RouteEntry | None, version: VersionEntry | None, allowed: tuple[bytes, ...] = ()) -> None:
        """allowed is empty when the path itself is unknown."""
        self.route = route
        self.version = version
        self.allowed = allowed


def add_route(
    exact: dict[bytes, dict[bytes, RouteEntry]], root: Node, prefix: bytes, path: str, method: bytes, route: RouteEntry
) -> None:
    """Put a route where match_route finds it; of two for the same method and shape the first stays."""
    segments = [_canonical_segment(segment) for segment in path.split("/")[1:]]
    if not _PARAMETER.search(path):
        public = prefix + b"/" + b"/".join(segment.encode() for segment in segments)
        exact.setdefault(public, {}).setdefault(method, route)
        if path == "/":
            exact.setdefault(prefix, {}).setdefault(method, route)
    node = root
    for segment in segments:
        if segment == _REST:
            node.rest.setdefault(method, route)
            return
        node = _child(node, segment)
    node.methods.setdefault(method, route)


def _canonical_segment(segment: str) -> str:
    if _PARAMETER.search(segment):
        return segment
    encoded = quote(segment, safe=_SAFE).encode()
    return (canonical_path(b"/" + encoded) or b"/" + encoded)[1:].decode()


def _child(node: Node, segment: str) -> Node:
    if not _PARAMETER.search(segment):
        return node.concrete.setdefault(segment.encode(), Node())
    if _PARAMETER.fullmatch(segment):
        if node.parameter is None:
            node.parameter = Node()
        return node.parameter
    texts = tuple(quote(part, safe=_SAFE).encode() for part in _PARAMETER.split(segment))
    for known, child in node.patterns:
        if known == texts:
            return child
    child = Node()
    node.patterns.append((texts, child))
    return child


def find_route(index: Index, method: bytes, path: bytes) -> RouteEntry | None:
    """The route where it is found without going back on a choice; None says nothing, match_route decides then."""
    methods = index.exact.get(path)
    if methods is not None:
        return methods.get(method)
    end = path.find(b"/", path.find(b"/", 1) + 1)
    node = index.roots.get(path[:end])
    if node is None or path.find(b"%") >= 0 or path.find(b";") >= 0:  # `in` on bytes costs twice as much
        return None
    for segment in path[end + 1 :].split(b"/"):
        if node is None:
            return None
        child = node.concrete.get(segment)
        if child is not None:
            node = child
        elif node.patterns or not segment:
            return None
        else:
            node = node.parameter
    return node.methods.get(method) if node is not None else None


def match_route(index: Index, method: bytes, path: bytes) -> Match:
    """The route of a method and a canonical path."""
    methods = index.exact.get(path)
    if methods is not None:
        route = methods.get(method)
        if route is not None:
            return Match(route, route.version)
    parts = path.split(b"/", 3)
    prefix = b"/".join(parts[:3])
    version = index.versions.get(prefix)
    if version is None:
        return Match(None, None)
    found = _methods_at(index.roots[prefix], parts[3].split(b"/") if len(parts) > 3 else [], 0)  # noqa: PLR2004 - "", api, version, rest
    if methods is not None:
        found = methods
    if found is None:
        return Match(None, version)
    route = _pick(found, method)
    return Match(route, version, () if route else _allowed(found))


def _methods_at(node: Node, segments: list[bytes], position: int) -> dict[bytes, RouteEntry] | None:
    """The routes of the best template for the segments; a concrete dead end gives way to a parameter."""
    if position == len(segments):
        return node.methods or node.rest or None
    segment = segments[position]
    child = node.concrete.get(segment)
    if child is not None:
        found = _methods_at(child, segments, position + 1)
        if found is not None:
            return found
    elif _is_disguised(node, segment):
        return {}
    for child in _open_children(node, segment) if segment else ():
        found = _methods_at(child, segments, position + 1)
        if found is not None:
            return found
    return node.rest or None


def _open_children(node: Node, segment: bytes) -> Iterator[Node]:
    """The children that take segment as a value: patterns first, then the parameter."""
    for texts, child in node.patterns:
        if _fits(texts, segment):
            yield child
    if node.parameter is not None:
        yield node.parameter


def _fits(texts: tuple[bytes, ...], segment: bytes) -> bool:
    """True when segment is the texts in order with something between each two.

    One pass: the first place of each text leaves the most for those after it. A regular expression would try them all.
    """
    if not segment.startswith(texts[0]) or not segment.endswith(texts[-1]):
        return False
    position, end = len(texts[0]), len(segment) - len(texts[-1])
    for text in texts[1:-1]:
        found = segment.find(text, position + 1, end)
        if found < 0:
            return False
        position = found + len(text)
    return position < end


def _is_disguised(node: Node, segment: bytes) -> bool:
    """True for what many upstreams read as a concrete sibling: `me;x=1` as `me`, `a%3Aclose` as `a:close`.

    It gets 404: as a parameter it would open an operation that its products do not name.
    """
    if b";" not in segment and b"%" not in segment:
        return False
    return quote(unquote_to_bytes(segment.partition(b";")[0]), safe=_SAFE).encode() in node.concrete


def _pick(methods: dict[bytes, RouteEntry], method: bytes) -> RouteEntry | None:
    """The route for the method; HEAD is served by GET (RFC 9110 section 9.3.2), `*` serves any."""
    route = methods.get(method)
    if route is None and method == b"HEAD":
        route = methods.get(b"GET")
    return route or methods.get(b"*")


def _allowed(methods: dict[bytes, RouteEntry]) -> tuple[bytes, ...]:
    names = set(methods)
    if b"GET" in names:
        names.add(b"HEAD")
    return tuple(sorted(names))
