"""Credits: drawn in their order, never twice and never below zero; and how many calls a balance pays for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apim.pricing.credits import MOST_CALLS, Pot, affordable_calls, days_left, draw, due_of, expired, in_order
from apim.pricing.terms import Terms, parse_terms

NOW = datetime(2026, 11, 21, tzinfo=UTC)
patient = settings(deadline=None)

MOMENTS = st.integers(-40, 40).map(lambda days: NOW + timedelta(days=days))
POTS = st.lists(
    st.builds(
        Pot,
        id=st.text("abcdef", min_size=1, max_size=6),
        left=st.integers(0, 10**6),
        priority=st.sampled_from([10, 20, 30]),
        created_at=MOMENTS,
        expires_at=st.none() | MOMENTS,
    ),
    max_size=8,
    unique_by=lambda pot: pot.id,
)


def prepaid(*prices: dict[str, Any], **more: Any) -> Terms:
    credit = {"name": "credits", "model": "prepaid", "amount": "20.00"}
    terms, faults = parse_terms({"currency": "EUR", "prices": [credit, *prices], **more})
    assert terms is not None, faults
    return terms


CALLS = {"name": "calls", "meter": "calls", "model": "unit", "unit": "0.0004"}
PACKAGES = {"name": "calls", "meter": "calls", "model": "package", "size": 100, "amount": "0.40"}
TIERS = [{"upTo": 1000, "unit": "0"}, {"upTo": 5000, "unit": "0.002"}, {"unit": "0.001"}]
GRADUATED = {"name": "calls", "meter": "calls", "model": "graduated", "tiers": TIERS}


@patient
@given(pots=POTS, amount=st.integers(0, 10**7))
def test_what_is_drawn_and_what_is_beyond_add_up_and_no_pot_goes_below_zero(pots: list[Pot], amount: int) -> None:
    drawn = draw(pots, amount)
    left = {pot.id: pot.left for pot in pots}
    for pot, part in drawn.parts:
        assert part > 0
        left[pot] -= part
    assert all(each >= 0 for each in left.values())
    assert len({pot for pot, _ in drawn.parts}) == len(drawn.parts)
    assert sum(part for _, part in drawn.parts) + drawn.beyond == amount
    assert drawn.beyond == 0 or not any(left.values())


@patient
@given(pots=POTS, first=st.integers(0, 10**6), second=st.integers(0, 10**6))
def test_drawing_in_two_steps_and_in_one_leaves_the_same(pots: list[Pot], first: int, second: int) -> None:
    def left_after(before: list[Pot], amount: int) -> list[Pot]:
        parts = dict(draw(before, amount).parts)
        return [Pot(p.id, p.left - parts.get(p.id, 0), p.priority, p.created_at, p.expires_at) for p in before]

    assert left_after(left_after(pots, first), second) == left_after(pots, first + second)


@patient
@given(pots=POTS, amount=st.integers(1, 10**7))
def test_a_pot_is_touched_only_when_all_before_it_are_empty(pots: list[Pot], amount: int) -> None:
    parts = dict(draw(pots, amount).parts)
    touched = [pot for pot in in_order(pots) if pot.id in parts]
    for pot in touched[:-1]:
        assert parts[pot.id] == pot.left


def test_the_order_is_priority_then_expiry_then_age() -> None:
    soon, later = NOW + timedelta(days=1), NOW + timedelta(days=9)
    old, young = NOW - timedelta(days=9), NOW
    pots = [
        Pot("bought, never ends", 1, 30, old),
        Pot("bought, ends later", 1, 30, young, later),
        Pot("bought, ends soon, young", 1, 30, young, soon),
        Pot("bought, ends soon, old", 1, 30, old, soon),
        Pot("included", 1, 10, young, later),
    ]
    assert [pot.id for pot in in_order(pots)] == [
        "included",
        "bought, ends soon, old",
        "bought, ends soon, young",
        "bought, ends later",
        "bought, never ends",
    ]


@patient
@given(pots=POTS)
def test_only_what_has_ended_and_holds_something_expires(pots: list[Pot]) -> None:
    over = {pot.id for pot in expired(pots, NOW)}
    assert over == {pot.id for pot in pots if pot.left and pot.expires_at is not None and pot.expires_at <= NOW}


@pytest.mark.parametrize("price", [CALLS, PACKAGES, GRADUATED], ids=["unit", "package", "graduated"])
def test_a_balance_pays_for_as_many_calls_as_it_can_and_not_one_more(price: dict[str, Any]) -> None:
    terms = prepaid(price)

    @patient
    @given(used=st.integers(0, 20_000), balance=st.integers(0, 3000), weight=st.integers(1, 5))
    def holds(used: int, balance: int, weight: int) -> None:
        usage = {"calls": Decimal(used)}
        calls = affordable_calls(terms, usage, balance, {"calls": weight})
        drawn = due_of(terms, usage)
        after = due_of(terms, {"calls": Decimal(used + calls * weight)})
        assert after - drawn <= balance
        here = due_of(terms, {"calls": Decimal(used + (calls + 1) * weight)}) - drawn
        next_period = due_of(terms, {"calls": Decimal((calls + 1) * weight)})
        assert max(here, next_period) > balance

    holds()


def test_several_meters_are_paid_by_one_balance() -> None:
    terms = prepaid(CALLS, {"name": "exports", "meter": "exports", "model": "unit", "unit": "0.01"})
    assert affordable_calls(terms, {}, 104, {"calls": 1, "exports": 1}) == 100


def test_what_costs_nothing_is_not_counted_and_a_debt_pays_for_nothing() -> None:
    assert affordable_calls(prepaid(dict(CALLS, unit="0")), {}, 0, {"calls": 1}) == MOST_CALLS
    assert affordable_calls(prepaid(CALLS), {}, -1, {"calls": 1}) == 0
    free = affordable_calls(prepaid(GRADUATED), {"calls": Decimal(400)}, 0, {"calls": 1})
    assert free == 602  # those 600 that are free, and two that come to less than half a cent


@patient
@given(steps=st.lists(st.integers(0, 3000), max_size=12))
def test_drawing_often_costs_what_drawing_once_costs(steps: list[int]) -> None:
    terms, used, drawn = prepaid(GRADUATED), 0, 0
    for step in steps:
        used += step
        due = due_of(terms, {"calls": Decimal(used)})
        assert due >= drawn
        drawn = due
    assert drawn == due_of(terms, {"calls": Decimal(sum(steps))})


def test_a_forecast_needs_a_pace() -> None:
    assert days_left(700, [100, 100, 100]) == 7
    assert days_left(700, [0, 0]) is None
    assert days_left(700, []) is None
    assert days_left(-5, [100]) == 0
