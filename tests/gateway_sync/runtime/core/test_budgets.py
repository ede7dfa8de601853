"""Budgets: what many calls keep at a time never exceeds what their worker grants."""

from __future__ import annotations

from gateway_sync.runtime.core.budgets import LEAST_SHARE, SHARES, Budget, Loan


def test_no_more_is_lent_than_there_is() -> None:
    budget = Budget(100)
    assert budget.take(60)
    assert not budget.take(41)
    assert budget.take(40)
    assert (budget.held, budget.is_spent, budget.refused) == (100, True, 1)
    budget.give(60)
    assert not budget.is_spent
    assert budget.take(60)


def test_nobody_has_more_than_a_share() -> None:
    share = 2 * LEAST_SHARE
    budget = Budget(SHARES * share)
    assert budget.take(share, "ana")
    assert not budget.take(1, "ana")
    assert budget.take(share, "ben")
    budget.give(share, "ana")
    assert budget.take(share, "ana")
    assert budget.held == 2 * share


def test_the_largest_body_fits_however_small_the_budget_is() -> None:
    budget = Budget(LEAST_SHARE)
    assert budget.take(LEAST_SHARE, "ana")
    assert not budget.take(1, "ben")


def test_a_loan_is_given_back_once() -> None:
    budget = Budget(100)
    loan = Loan(budget, "ana")
    assert loan.grow(30)
    assert loan.grow(30)
    assert not loan.grow(41)
    assert loan.size == 60
    loan.end()
    loan.end()
    assert budget.held == 0
    assert Loan(budget, "ana").grow(100)
