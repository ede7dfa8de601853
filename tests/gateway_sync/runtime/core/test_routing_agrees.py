"""Routing agrees with a slow reference that tries every route; a canonical path is a fixed point without tricks.

Promises H10, H14.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway_sync.runtime.core.paths import canonical_path
from gateway_sync.runtime.core.routing import find_route, match_route
from tests.gateway_sync.builders import index_of

PREFIX = "/a/v1"
_WORD = st.sampled_from(["a", "b", "me", "v1", "a.b", "a:b", "ab"])
_TEMPLATE_SEGMENT = st.one_of(_WORD, _WORD, st.sampled_from(["{id}", "{id}", "{x}.b", "a{x}", "{x}-{y}", "{x}:b"]))
_TEMPLATE = st.tuples(st.lists(_TEMPLATE_SEGMENT, max_size=3), st.sampled_from(["", "", "", "/", "/{*}"])).map(
    lambda parts: "/" + "/".join(parts[0]) + parts[1] if parts[0] else parts[1] or "/"
)
_METHOD = st.sampled_from(["GET", "POST", "HEAD", "*"])
_SEGMENT = st.one_of(
    _WORD, st.sampled_from(["me;x", "a%3Bb", "7", "a-b", "a.b.b", "x.b", "", "-", "me;", "a%3Ab", ";a", "ab-b"])
)
_PATH = st.lists(_SEGMENT, max_size=4).map(lambda parts: "".join("/" + part for part in parts))


def reference(routes: list[tuple[str, str]], method: str, path: str) -> tuple[str, str] | None:
    """(method, template) of the route, the slow way: of all templates that fit, the most concrete from the left."""
    segments = path.removeprefix(PREFIX).split("/")[1:]
    templates = [template.split("/")[1:] for _, template in routes]
    if not segments and [""] in templates:
        segments = [""]  # the bare prefix is the root of the version
    ranks = {tuple(template): _rank(template, segments, templates) for template in templates}
    best = min((rank for rank in ranks.values() if rank is not None), default=None)
    if best is None or any(rank < best for rank in _disguises(segments, templates)):
        return None
    for wanted in (method, "GET" if method == "HEAD" else method, "*"):
        for known, template in routes:
            if known == wanted and ranks[tuple(template.split("/")[1:])] == best:
                return known, template
    return None


def _rank(template: list[str], segments: list[str], templates: list[list[str]]) -> tuple[int, ...] | None:
    """How concrete a template fits: 0 a word, from 2 on a pattern, 1000 a parameter, 2000 the rest; None: not."""
    rank: list[int] = []
    for place, part in enumerate(template):
        if part == "{*}":
            return (*rank, 2000)
        if place == len(segments) or not (
            part == segments[place] or (segments[place] and _takes(part, segments[place]))
        ):
            return None
        if "{" not in part:
            rank.append(0)
        elif _shape(part) == "{}":
            rank.append(1000)
        else:  # patterns are tried in the order in which they came
            before = [
                _shape(other[place])
                for other in templates
                if len(other) > place and _is_one_way(other, template, place)
            ]
            rank.append(2 + before.index(_shape(part)))
    return tuple(rank) if len(template) == len(segments) else None


def _takes(part: str, segment: str) -> bool:
    return (
        "{" in part and re.fullmatch("[^/]+?".join(map(re.escape, re.split(r"\{[^{}]*\}", part))), segment) is not None
    )


def _shape(part: str) -> str:
    return re.sub(r"\{[^{}]*\}", "{}", part)


def _is_one_way(one: list[str], other: list[str], length: int) -> bool:
    """True when the first segments of both are the same but for the names of parameters."""
    return list(map(_shape, one[:length])) == list(map(_shape, other[:length]))


def _disguises(segments: list[str], templates: list[list[str]]) -> Iterator[tuple[int, ...]]:
    """Where the search ends: at a segment that many read as a word which a template has there (`me;x`, `a%3Ab`)."""
    for template in templates:
        for place, segment in enumerate(segments[: len(template)]):
            plain = unquote_to_bytes(segment.partition(";")[0]).decode()
            prefix = _rank(template[:place], segments[:place], templates)
            is_word = any(
                _is_one_way(other, template, place) and other[place : place + 1] == [segment] for other in templates
            )
            if (
                prefix is not None
                and segment != plain == template[place]
                and not is_word
                and "{*}" not in template[:place]
            ):
                yield (*prefix, 1)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_METHOD, _TEMPLATE), min_size=1, max_size=6), _METHOD.filter("*".__ne__), _PATH)
@example([("GET", "/")], "GET", "")
@example([("GET", "/users/{id}"), ("GET", "/users/me")], "GET", "/users/me;x")
def test_quick_way_and_thorough_way_lead_to_the_same_route(
    routes: list[tuple[str, str]], method: str, path: str
) -> None:
    index = index_of(routes)
    for prefix in (PREFIX, "/a", "/a/v1x", "/b/v1", ""):
        asked = method.encode(), (prefix + path).encode()
        quick = find_route(index, *asked)
        if quick is not None:
            assert quick is match_route(index, *asked).route


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_METHOD, _TEMPLATE), min_size=1, max_size=6), _METHOD.filter("*".__ne__), _PATH)
def test_route_is_the_one_that_a_slow_search_finds(routes: list[tuple[str, str]], method: str, path: str) -> None:
    found = match_route(index_of(routes), method.encode(), (PREFIX + path).encode()).route
    ours = None if found is None else tuple(found.id.split(" "))
    assert ours == reference(routes, method, PREFIX + path)


_PIECE = st.one_of(
    st.sampled_from(
        [
            "/",
            ".",
            "..",
            "%2e",
            "%2E",
            "%2f",
            "%5c",
            ";",
            "%3b",
            "%25",
            "%252e",
            "%00",
            "%c3%a9",
            "%c0%af",
            "a",
            "%61",
            "\\",
            "//",
            "/./",
            "/../",
            "%",
            "é",
            "?",
            " ",
        ]
    ),
    st.integers(0, 255).map("%{:02x}".format),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECE, max_size=12).map("".join))
@example("/..%2e")
@example("%2e%2e;/a")
def test_canonical_path_is_a_fixed_point_without_tricks(path: str) -> None:
    canonical = canonical_path(b"/" + path.encode())
    if canonical is None:
        return
    assert canonical_path(canonical) == canonical
    segments = canonical.split(b"/")[1:]
    for segment in segments:
        assert segment.partition(b";")[0] not in {b".", b".."}
        assert unquote_to_bytes(segment).partition(b";")[0] not in {b".", b".."}
    assert all(segments[:-1])
    undone = unquote_to_bytes(canonical)
    assert undone.count(b"/") == canonical.count(b"/")
    assert not set(undone) & {*range(0x20), 0x7F, ord("\\")}
    undone.decode()
