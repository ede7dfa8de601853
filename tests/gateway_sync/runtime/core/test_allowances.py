"""What prepaid credits pay for is admitted to the last call, and not one more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.runtime.core.allowances import KEPT_S, Allowance
from gateway_sync.runtime.core.limits import CELL_LENGTH, EXPIRES, NS, Terms, charge_all

NOW_S = 1_800_000_000
NOW = NOW_S * NS


def admitted(allowance: Allowance, cell: list[int], calls: int, now: int = NOW) -> int:
    """How many of so many calls pass."""
    return sum(not allowance.settle(cell, now)[0] for _ in range(calls))


@given(first=st.integers(0, 30), more=st.integers(0, 30), calls=st.lists(st.integers(0, 40), min_size=2, max_size=2))
def test_more_credits_admit_exactly_as_many_more_calls(first: int, more: int, calls: list[int]) -> None:
    cell = [0] * CELL_LENGTH
    before = admitted(Allowance(first, NOW_S - 60), cell, calls[0])
    assert before == min(first, calls[0])
    after = admitted(Allowance(first + more, NOW_S - 60), cell, calls[1])
    assert after == min(first + more - before, calls[1])


def test_a_lower_number_refuses_at_once_and_a_later_moment_counts_anew() -> None:
    cell = [0] * CELL_LENGTH
    assert admitted(Allowance(10, NOW_S - 60), cell, 7) == 7
    assert admitted(Allowance(5, NOW_S - 60), cell, 7) == 0
    assert admitted(Allowance(2, NOW_S), cell, 7) == 2


def test_what_was_counted_outlasts_days_without_calls() -> None:
    cell, allowance = [0] * CELL_LENGTH, Allowance(10, NOW_S)
    assert admitted(allowance, cell, 4) == 4
    later = NOW + 20 * 86_400 * NS
    assert admitted(allowance, cell, 3, later) == 3
    assert admitted(allowance, cell, 9, later + 20 * 86_400 * NS) == 3
    assert cell[EXPIRES] == NOW_S + 40 * 86_400 + KEPT_S


def test_a_call_is_counted_against_plan_and_credits_or_against_none() -> None:
    plan, allowance = Terms("rate", (1, 1, 3)), Allowance(2, NOW_S)
    cells = [[0] * CELL_LENGTH, [0] * CELL_LENGTH]
    codes = [charge_all([plan, allowance], cells, NOW)[0] for _ in range(4)]
    assert codes == ["", "", "credits-exhausted", "credits-exhausted"]
    code, _, fields = charge_all([plan, Allowance(9, NOW_S)], cells, NOW)
    assert (code, b'"credits"' in fields, b'"rate";r=0' in fields) == ("", False, True)
    assert charge_all([plan, Allowance(9, NOW_S)], cells, NOW)[0] == "rate-limited"
