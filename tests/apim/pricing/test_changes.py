"""What a change of plan at once charges, and what it leaves out: by hand, to the minor unit."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apim.pricing.changes import Begun, rate_change
from apim.pricing.terms import Terms, parse_terms

BASE = {"name": "base", "model": "flat", "amount": "30.00"}
CALLS = {"name": "calls", "meter": "calls", "model": "unit", "unit": "0.01"}
LATER = {"name": "support", "model": "flat", "amount": "6.00", "term": "arrears"}
HALF = Begun(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 6, 16, tzinfo=UTC))


def terms_of(*prices: dict[str, Any], **more: Any) -> Terms:
    terms, faults = parse_terms({"currency": "EUR", "prices": list(prices), **more})
    assert terms is not None, faults
    return terms


def lines(old: Terms, new: Terms) -> dict[str, Decimal]:
    """The amount of each line after ten calls, in the middle of the period."""
    rated = rate_change(old, new, {"calls": Decimal(10)}, begun=HALF)
    assert sum(line.amount for line in rated.lines) == rated.total
    found: dict[str, Decimal] = {}
    for line in rated.lines:
        found[line.name] = found.get(line.name, Decimal(0)) + line.amount
    return found


def test_the_rest_of_the_period_is_given_back_and_charged_by_time() -> None:
    dearer = terms_of(BASE | {"amount": "50.00"}, CALLS)
    assert lines(terms_of(BASE, CALLS), dearer) == {"base": Decimal("10.00"), "calls": Decimal("0.10")}


def test_bounds_and_arrears_of_a_begun_period_are_left_out() -> None:
    old = terms_of(BASE, CALLS | {"minimum": "5.00"}, LATER, minimumSpend="90.00")
    assert lines(old, terms_of(BASE, CALLS)) == {"base": Decimal("0.00"), "calls": Decimal("0.10")}


def test_what_the_chosen_plan_asks_for_once_or_at_the_end_is_not_charged_now() -> None:
    setup = {"name": "start", "model": "setup", "amount": "99.00"}
    new = terms_of(setup, BASE, CALLS, LATER, minimumSpend="90.00")
    assert lines(terms_of(BASE, CALLS), new) == {"base": Decimal("0.00"), "calls": Decimal("0.10")}
