"""What differs between two published states."""

from __future__ import annotations

from apim.console.manifests import FragmentChange, compare_manifests
from apim.gateways.sandbox import twin_id
from gateway_sync.snapshot import api_fragment


def test_a_change_of_a_sandbox_is_one_of_its_api() -> None:
    names = (api_fragment("api_1"), api_fragment(twin_id("api_1")))
    before, after = {"fragments": dict.fromkeys(names, "a")}, {"fragments": {names[0]: "b"}}

    assert compare_manifests(before, after) == [
        FragmentChange("changed", names[0], "api_1"),
        FragmentChange("removed", names[1], "api_1", is_sandbox=True),
    ]
