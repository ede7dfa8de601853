"""Sampling: shares by gaps, budgets without a clock."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from gateway_sync.runtime.core.sampling import NEVER, Budget, gap
from tests.properties import patient


@patient
@given(st.floats(-1, 2), st.floats(0, 1, exclude_max=True))
def test_a_gap_is_at_least_one_and_never_beyond_never(share: float, draw: float) -> None:
    assert 1 <= gap(share, draw) <= NEVER


def test_all_none_and_a_tenth() -> None:
    assert (gap(1, 0.5), gap(0, 0.5)) == (1, NEVER)
    chance = random.Random(7)  # noqa: S311 - even, not secret
    gaps = [gap(0.1, chance.random()) for _ in range(20_000)]
    assert 9.5 < sum(gaps) / len(gaps) < 10.5
    assert min(gaps) == 1


def test_a_budget_gives_its_burst_then_its_rate() -> None:
    budget = Budget(10, 20)
    assert sum(budget.take() for _ in range(100)) == 20
    assert budget.is_empty
    budget.fill(0.25)
    assert sum(budget.take() for _ in range(100)) == 2
    budget.fill(3600)
    assert sum(budget.take() for _ in range(100)) == 20


def test_a_budget_of_nothing_gives_nothing() -> None:
    budget = Budget(0, 0)
    budget.fill(1000)
    assert budget.is_empty
    assert not budget.take()
