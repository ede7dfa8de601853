"""What plans may say about money, and what they are told when it cannot be."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from apim.pricing.terms import Terms, beyond_limits, parse_terms, remarks_on

BASE = {"name": "base", "model": "flat", "amount": "29.00"}
CALLS = {"name": "calls", "meter": "calls", "model": "unit", "unit": "0.0004"}


def faults_of(**spec: Any) -> list[tuple[str, str]]:
    terms, faults = parse_terms(spec)
    assert (terms is None) == bool(faults)
    return [("/".join(fault.at), f"{fault.message} {fault.hint}".strip()) for fault in faults]


def test_a_plan_without_prices_is_free_and_moves_its_subscriptions() -> None:
    terms, faults = parse_terms({"displayName": "Free", "limits": [{"rate": "10/s"}]})
    assert not faults
    assert terms == Terms()
    assert not terms.is_priced
    assert terms.existing == "move"
    assert terms.as_document() == {}


def test_a_plan_with_prices_keeps_its_subscriptions_unless_it_says_otherwise() -> None:
    kept, _ = parse_terms({"currency": "EUR", "prices": [BASE]})
    moved, _ = parse_terms({"currency": "EUR", "prices": [BASE], "migration": {"existing": "move"}})
    assert kept is not None
    assert moved is not None
    assert (kept.existing, moved.existing) == ("keep", "move")


@pytest.mark.parametrize(
    ("spec", "at", "words"),
    [
        ({"prices": [BASE]}, "", "`currency` is missing"),
        ({"currency": "eur", "prices": [BASE]}, "currency", "Write `EUR`"),
        ({"currency": "EURO", "prices": [BASE]}, "currency", "no currency"),
        ({"currency": "EUR", "prices": [{**BASE, "amount": 29.0}]}, "prices/0/amount", 'Put it in quotes: "29.0"'),
        ({"currency": "EUR", "prices": [{**BASE, "amount": "-1"}]}, "prices/0/amount", "not below zero"),
        ({"currency": "EUR", "prices": [{**BASE, "amount": "29.001"}]}, "prices/0/amount", "too fine"),
        ({"currency": "JPY", "prices": [{**BASE, "amount": "29.0"}]}, "prices/0/amount", "no decimal places"),
        ({"currency": "EUR", "prices": [{**CALLS, "unit": "1e-3"}]}, "prices/0/unit", "no amount"),
        ({"currency": "EUR", "prices": [{**CALLS, "unit": "NaN"}]}, "prices/0/unit", "no amount"),
        ({"currency": "EUR", "prices": [{**CALLS, "unit": "0.000000000000001"}]}, "prices/0/unit", "too fine"),
        ({"currency": "EUR", "prices": [{**CALLS, "model": "units"}]}, "prices/0/model", "Did you mean `unit`?"),
        ({"currency": "EUR", "prices": [{**CALLS, "untis": "1"}]}, "prices/0/untis", "Did you mean `unit`?"),
        ({"currency": "EUR", "prices": [{"model": "unit", "unit": "1"}]}, "prices/0", "`meter` is missing"),
        ({"currency": "EUR", "prices": "29"}, "prices", "must be a list"),
        ({"currency": "EUR", "prices": ["29"]}, "prices/0", "must be a mapping"),
        ({"currency": "EUR", "prices": [BASE, BASE]}, "prices/1/name", "two prices named `base`"),
        ({"currency": "EUR", "prices": [CALLS, {**CALLS, "name": "x"}]}, "prices/1/meter", "has a price already"),
        ({"currency": "EUR", "prices": [{**BASE, "name": "a:b"}]}, "prices/0/name", "no colon"),
        ({"currency": "EUR", "prices": [{**BASE, "name": "b" * 61}]}, "prices/0/name", "at most 60"),
        ({"curency": "EUR"}, "curency", "Did you mean `currency`?"),
        ({"interval": "fortnight"}, "interval", "One of day, week, month, year"),
        ({"trial": {"days": 14}}, "trial", "needs prices"),
        ({"currency": "EUR", "prices": [BASE], "trial": {"days": 0}}, "trial/days", "at least 1"),
        ({"limits": [{"meter": "calls", "included": 10, "hardCap": 5}]}, "limits/0/hardCap", "below the 10 included"),
        ({"limits": [{"meter": "c"}, {"meter": "c"}]}, "limits/1/meter", "two limits"),
        ({"limits": [{"meter": "c", "onExceed": "charge"}]}, "limits/0/onExceed", "bill, block"),
        ({"currency": "EUR", "prices": [BASE], "maximumSpend": {"amount": "10.00"}}, "maximumSpend", "29.00"),
        ({"dunning": {"graceDays": 20, "endAfterDays": 20}}, "dunning/endAfterDays", "after the 20 days"),
        ({"migration": {"existing": "keeep"}}, "migration/existing", "Did you mean `keep`?"),
        ({"currency": "EUR", "prices": [{"model": "prepaid", "amount": "5.00"}]}, "prices", "need a meter"),
    ],
)
def test_a_fault_says_where_it_is_and_how_to_mend_it(spec: dict[str, Any], at: str, words: str) -> None:
    found = faults_of(**spec)
    assert any(where == at and words in text for where, text in found), found


@pytest.mark.parametrize(
    ("tiers", "at", "words"),
    [
        ([], "prices/0/tiers", "one tier at least"),
        ([{"upTo": 5, "unit": "1"}], "prices/0/tiers/0/upTo", "last tier has no bound"),
        ([{"unit": "1"}, {"unit": "1"}], "prices/0/tiers/0", "Only the last tier"),
        ([{"upTo": 5, "unit": "1"}, {"upTo": 5, "unit": "1"}, {"unit": "1"}], "prices/0/tiers/1/upTo", "at least 6"),
    ],
)
def test_tiers_go_up_and_the_last_has_no_bound(tiers: list[dict[str, Any]], at: str, words: str) -> None:
    found = faults_of(currency="EUR", prices=[{"name": "c", "meter": "c", "model": "graduated", "tiers": tiers}])
    assert any(where == at and words in text for where, text in found), found


def test_all_faults_are_found_at_once() -> None:
    found = faults_of(currency="EUR", prices=[{**BASE, "amount": "x"}, {**CALLS, "unit": "y"}], interval="z")
    assert [where for where, _ in found] == ["prices/0/amount", "prices/1/unit", "interval"]


def test_what_surprises_is_remarked_and_not_refused() -> None:
    tiers = [{"upTo": 100, "unit": "1.00"}, {"unit": "0.10"}]
    price = {"name": "calls", "meter": "calls", "model": "volume", "tiers": tiers}
    limits = [{"meter": "calls", "included": 50}]
    terms, _ = parse_terms({"currency": "EUR", "prices": [price], "limits": limits})
    assert terms is not None
    assert len(remarks_on(terms)) == 2


def test_more_usage_than_gateways_let_pass_is_told() -> None:
    limits = [
        {"meter": "calls", "included": 50, "hardCap": 200},
        {"meter": "egress", "included": 10, "onExceed": "block"},
        {"meter": "both", "included": 10, "onExceed": "block", "hardCap": 20},
        {"meter": "free", "included": 10},
    ]
    terms, _ = parse_terms({"limits": limits})
    assert terms is not None
    assert [limit.stops_at for limit in terms.limits] == [200, 10, 10, None]
    usage = {"calls": Decimal(201), "egress": Decimal(11), "both": Decimal(10), "free": Decimal(10**6)}
    assert beyond_limits(terms, usage) == (("calls", 200), ("egress", 10))
