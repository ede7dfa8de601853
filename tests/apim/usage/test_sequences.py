"""Runs of numbers say what the numbers say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim.usage.sequences import count_of, gaps_of, joined, missing_from, parse_runs, runs_of, write_runs

NUMBERS = st.lists(st.integers(1, 60), max_size=40)


@given(NUMBERS, NUMBERS)
def test_runs_hold_what_came_and_nothing_else(before: list[int], after: list[int]) -> None:
    known = runs_of(before)
    assert missing_from(after, known) == set(after) - set(before)
    both = joined(known, runs_of(after))
    came = {*before, *after}
    assert count_of(both) == len(came)
    assert missing_from(list(range(1, 61)), both) == set(range(1, 61)) - came
    assert count_of(gaps_of(both)) == (max(came) - len(came) if came else 0)
    assert parse_runs(write_runs(both)) == both
    lacking = [number for first, last in gaps_of(both, 20) for number in range(first, last + 1)]
    assert lacking == [number for number in range(20, max(came, default=0)) if number not in came]


def test_what_comes_in_order_takes_one_run() -> None:
    runs = runs_of(range(1, 5001))
    assert write_runs(joined(runs, runs_of(range(5001, 10_001)))) == "1-10000"


@pytest.mark.parametrize("text", ["2-1", "1-5,6-7", "5,1"], ids=["back", "touching", "unordered"])
def test_what_nobody_wrote_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no runs of numbers"):
        parse_runs(text)
