"""What people read about a price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from apim.pricing.alternatives import alternatives
from apim.pricing.rating import rate
from apim.pricing.terms import Terms, parse_terms
from apim.pricing.words import amount_words
from apim.ui.prices import headline, sentences

BASE = {"name": "base", "model": "flat", "amount": "29.00"}
TIERS = {
    "name": "calls",
    "meter": "calls",
    "model": "graduated",
    "tiers": [{"upTo": 100000, "unit": "0"}, {"unit": "0.0004"}],
}
UNIT = {"name": "calls", "meter": "calls", "model": "unit", "unit": "0.01"}
CREDITS = {"name": "credits", "model": "prepaid", "amount": "20.00", "autoTopUp": {"below": "5.00"}}


def read(*prices: dict[str, Any], **more: Any) -> Terms:
    terms, faults = parse_terms({"currency": "EUR", "prices": list(prices), **more})
    assert terms is not None, faults
    return terms


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms(), "Free"),
        (read(BASE), "29.00 EUR a month"),
        (read(BASE, TIERS, interval="year"), "from 29.00 EUR a year"),
        (read(UNIT), "Pay as you go"),
        (read(UNIT, minimumSpend="50.00"), "from 50.00 EUR a month"),
        (read(CREDITS, UNIT), "Credits from 20.00 EUR"),
    ],
)
def test_the_price_in_a_few_words(terms: Terms, words: str) -> None:
    assert headline(terms) == words


def test_each_price_and_promise_is_a_sentence() -> None:
    terms = read(
        {"name": "entry", "model": "setup", "amount": "1200.00"},
        BASE,
        TIERS,
        limits=[{"meter": "calls", "included": 100000, "hardCap": 2000000}],
        trial={"days": 14},
        maximumSpend={"amount": "100.00"},
    )
    assert sentences(terms) == [
        "1,200.00 EUR once, at the beginning",
        "29.00 EUR a month, in advance",
        "calls: up to 100,000 included; 0.0004 EUR each above 100,000",
        "2,000,000 calls at most",
        "Never more than 100.00 EUR a month; calls are blocked there",
        "The first 14 days are free, without a card",
    ]
    assert sentences(Terms()) == []
    assert amount_words(Decimal(1234567), "JPY") == "1,234,567 JPY"


def test_the_other_models_of_a_plan_keep_what_is_free() -> None:
    terms = read(BASE, TIERS, limits=[{"meter": "calls", "included": 100000}])
    usage = {"calls": Decimal(132400)}
    found = {words: str(rate(other, usage).total) for words, other in alternatives(terms)}
    assert found == {
        "One by one at 0.0004": "41.96",
        "Volume at 0.0004": "81.96",
        "Packages of 1,000 at 0.40": "42.20",
    }
    assert list(alternatives(read(BASE))) == []
