"""What holds of every invoice, whatever the plan and the usage."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim.pricing.changes import credit_for_rest
from apim.pricing.money import minor_digits, to_minor
from apim.pricing.rating import Kind, Period, Rated, rate
from apim.pricing.terms import Terms, parse_terms
from tests.properties import patient

CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KRW", "KWD"])
QUANTITIES = st.integers(0, 10**12)


def terms_of(spec: dict[str, Any]) -> Terms:
    terms, faults = parse_terms(spec)
    assert terms is not None, faults
    return terms


def bill(terms: Terms, quantity: int, **options: Any) -> Rated:
    return rate(terms, {"calls": Decimal(quantity)}, **options)


@st.composite
def amounts(draw: st.DrawFn, currency: str, finer: int = 0) -> str:
    digits = minor_digits(currency) + finer
    return f"{Decimal(draw(st.integers(0, 10**9))).scaleb(-digits):f}"


@st.composite
def tiers(draw: st.DrawFn, currency: str) -> list[dict[str, Any]]:
    bounds = sorted(draw(st.sets(st.integers(1, 10**9), max_size=4)))
    found = [{"upTo": bound, "unit": draw(amounts(currency, 6)), "flat": draw(amounts(currency))} for bound in bounds]
    return [*found, {"unit": draw(amounts(currency, 6))}]


@st.composite
def specs(draw: st.DrawFn, models: tuple[str, ...] = ("unit", "package", "graduated")) -> dict[str, Any]:
    currency = draw(CURRENCIES)
    model = draw(st.sampled_from(models))
    price: dict[str, Any] = {"name": "calls", "meter": "calls", "model": model, "minimum": draw(amounts(currency))}
    if model == "unit":
        price["unit"] = draw(amounts(currency, 6))
    elif model == "package":
        price |= {"size": draw(st.integers(1, 10**6)), "amount": draw(amounts(currency))}
    else:
        price["tiers"] = draw(tiers(currency))
    base = {"name": "base", "model": "flat", "amount": draw(amounts(currency))}
    spec: dict[str, Any] = {"currency": currency, "prices": [base, price]}
    if draw(st.booleans()):
        spec["limits"] = [{"meter": "calls", "included": draw(st.integers(0, 10**9))}]
    if draw(st.booleans()):
        spec["minimumSpend"] = draw(amounts(currency))
    if draw(st.booleans()):
        recurring = max(Decimal(base["amount"]), Decimal(spec.get("minimumSpend", "0")))
        spec["maximumSpend"] = {"amount": f"{recurring + Decimal(draw(amounts(currency))):f}"}
    return spec


@patient
@given(spec=specs(), quantity=QUANTITIES, more=st.integers(0, 10**9))
def test_more_usage_never_costs_less(spec: dict[str, Any], quantity: int, more: int) -> None:
    terms = terms_of(spec)
    assert bill(terms, quantity).total <= bill(terms, quantity + more).total


@patient
@given(spec=specs(("unit", "package", "graduated", "volume")), quantity=QUANTITIES, period=st.sampled_from(Period))
def test_each_line_is_rounded_once_and_the_total_is_their_sum(
    spec: dict[str, Any], quantity: int, period: Period
) -> None:
    terms = terms_of(spec)
    rated = bill(terms, quantity, period=period)
    unit = Decimal(1).scaleb(-minor_digits(terms.currency))
    for line in rated.lines:
        assert line.amount == (line.quantity * line.unit_amount).quantize(unit, ROUND_HALF_UP)
        to_minor(line.amount, terms.currency)
    assert rated.total == sum((line.amount for line in rated.lines), Decimal(0))
    assert rated.total >= 0


@patient
@given(spec=specs(("graduated",)), quantity=QUANTITIES)
def test_the_tiers_of_a_graduated_price_hold_every_unit_once(spec: dict[str, Any], quantity: int) -> None:
    terms = terms_of(spec)
    lines = [line for line in bill(terms, quantity).lines if line.kind is Kind.USAGE]
    units = [line for line in lines if "once for the tier" not in line.detail]
    assert sum(line.quantity for line in units) == quantity
    price = spec["prices"][1]
    exact, below = Decimal(0), 0
    for tier in price["tiers"]:
        inside = max(min(tier.get("upTo", quantity), quantity) - below, 0)
        exact += inside * Decimal(tier["unit"]) + (Decimal(tier.get("flat", "0")) if inside else 0)
        below = tier.get("upTo", quantity)
    half = Decimal(1).scaleb(-minor_digits(terms.currency)) / 2
    assert abs(sum((line.amount for line in lines), Decimal(0)) - exact) <= half * len(units)


@patient
@given(spec=specs(), quantity=QUANTITIES)
def test_spend_stays_between_its_minimum_and_its_maximum(spec: dict[str, Any], quantity: int) -> None:
    terms = terms_of(spec)
    total = bill(terms, quantity).total
    assert total >= terms.minimum_spend
    if terms.maximum_spend:
        assert total <= terms.maximum_spend.amount


@patient
@given(spec=specs(("unit", "package", "graduated", "volume")), quantity=QUANTITIES)
def test_terms_written_and_read_again_cost_the_same(spec: dict[str, Any], quantity: int) -> None:
    terms = terms_of(spec)
    again = terms_of(terms.as_document())
    assert again == terms
    assert bill(again, quantity) == bill(terms, quantity)


@patient
@given(size=st.integers(1, 10**6), quantity=QUANTITIES)
def test_packages_hold_the_usage_and_none_is_empty(size: int, quantity: int) -> None:
    price = {"name": "calls", "meter": "calls", "model": "package", "size": size, "amount": "1.00"}
    packages = bill(terms_of({"currency": "EUR", "prices": [price]}), quantity).lines[0].quantity
    assert packages * size >= quantity > (packages - 1) * size or quantity == packages == 0


@patient
@given(quantity=QUANTITIES, balance=st.integers(0, 10**6))
def test_credits_pay_usage_exactly_and_are_never_overdrawn(quantity: int, balance: int) -> None:
    credit = {"name": "credits", "model": "prepaid", "amount": "20.00"}
    price = {"name": "calls", "meter": "calls", "model": "unit", "unit": "0.0003"}
    terms = terms_of({"currency": "EUR", "prices": [credit, price]})
    rated = bill(terms, quantity, balance=Decimal(balance))
    used = next(line.amount for line in rated.lines if line.kind is Kind.USAGE)
    assert rated.credits_left >= 0
    assert balance + rated.total == used + rated.credits_left
    assert rated.total % 20 == 0


def test_usage_that_the_plan_does_not_meter_costs_nothing() -> None:
    terms = terms_of({"currency": "EUR", "prices": [{"name": "base", "model": "flat", "amount": "1.00"}]})
    assert rate(terms, {"others": Decimal(10**9)}).total == 1


def test_less_than_nothing_cannot_be_used() -> None:
    with pytest.raises(ValueError, match="below zero"):
        bill(Terms(), -1)


@pytest.mark.parametrize(
    ("proration", "time_share", "quota_share", "credit"),
    [
        ("time", "0.5", "0.7", "14.50"),
        ("max-consumption", "0.5", "0.7", "8.70"),  # 29.00 x (1 - 0.7)
        ("max-consumption", "0.9", "0.7", "2.90"),
        ("max-consumption", "0.1", "1.4", "0.00"),
        ("none", "0.1", "0.1", "0.00"),
        ("time", "0.333", "0", "19.34"),  # 19.343
    ],
)
def test_what_is_given_back_of_a_begun_period(proration: str, time_share: str, quota_share: str, credit: str) -> None:
    base = {"name": "base", "model": "flat", "amount": "29.00"}
    terms = terms_of({"currency": "EUR", "prices": [base], "change": {"proration": proration}})
    given_back = credit_for_rest(terms, time_share=Decimal(time_share), quota_share=Decimal(quota_share))
    assert given_back == Decimal(credit)
