"""Templates with several parameters in a segment: matched as a regular expression would, in one pass."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, cast

from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.runtime.core.routing import Match, Node, add_route, match_route

if TYPE_CHECKING:
    from gateway_sync.runtime.core.index import Index, RouteEntry


class OneVersion:
    """An index of one version with one route."""

    def __init__(self, template: str) -> None:
        """Its routes stand below /a/v1."""
        self.exact: dict[bytes, dict[bytes, RouteEntry]] = {}
        self.roots = {b"/a/v1": Node()}
        self.versions = {b"/a/v1": self}
        self.version = self
        add_route(self.exact, self.roots[b"/a/v1"], b"/a/v1", template, b"GET", cast("RouteEntry", self))

    def match(self, path: str) -> Match:
        """What a GET of this path leads to."""
        return match_route(cast("Index", self), b"GET", b"/a/v1" + path.encode())


@given(
    st.lists(st.sampled_from(["a", "b", "-", "ab", ""]), min_size=3, max_size=5), st.text("ab-", min_size=1, max_size=9)
)
def test_segment_matches_as_its_regular_expression(texts: list[str], segment: str) -> None:
    template = texts[0] + "".join(f"{{p{number}}}{text}" for number, text in enumerate(texts[1:]))
    expected = re.fullmatch("[^/]+?".join(map(re.escape, texts)), segment) is not None
    assert (OneVersion(f"/{template}").match(f"/{segment}").route is not None) == expected


def test_many_parameters_in_a_segment_cost_one_pass() -> None:
    index = OneVersion("/" + "".join(f"{{p{number}}}-" for number in range(40)) + "end")
    started = time.process_time()
    assert index.match("/" + "-" * 8000).route is None
    assert time.process_time() - started < 0.1
