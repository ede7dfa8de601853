"""How values stand in tables."""

from __future__ import annotations

from apim.cli.output import cell


def test_steps_of_a_trace_stand_below_one_another_in_their_order() -> None:
    assert cell([["route", "GET /accounts"], ["key", "crd_1"]]) == "route  GET /accounts\nkey    crd_1"


def test_plain_lists_stay_on_one_line() -> None:
    assert cell(["a", "b"]) == "a, b"
    assert cell([]) == "-"
