"""Templates with several parameters in a segment: matched as a regular expression would, in one pass."""

from __future__ import annotations

import re
import time

from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.runtime.core.index import RouteEntry
from gateway_sync.runtime.core.routing import match_route
from tests.gateway_sync.builders import index_of
from tests.properties import patient


def found(template: str, path: str) -> RouteEntry | None:
    """What a GET of this path leads to where there is a route of this template."""
    return match_route(index_of([("GET", template)]), b"GET", b"/a/v1" + path.encode()).route


@patient
@given(
    st.lists(st.sampled_from(["a", "b", "-", "ab", ""]), min_size=3, max_size=5), st.text("ab-", min_size=1, max_size=9)
)
def test_segment_matches_as_its_regular_expression(texts: list[str], segment: str) -> None:
    template = texts[0] + "".join(f"{{p{number}}}{text}" for number, text in enumerate(texts[1:]))
    expected = re.fullmatch("[^/]+?".join(map(re.escape, texts)), segment) is not None
    assert (found(f"/{template}", f"/{segment}") is not None) == expected


def test_many_parameters_in_a_segment_cost_one_pass() -> None:
    template = "/" + "".join(f"{{p{number}}}-" for number in range(40)) + "end"
    started = time.process_time()
    assert found(template, "/" + "-" * 8000) is None
    assert time.process_time() - started < 1  # of going back on each choice it would be hours
