"""What rating says of lines and models is known again in every language."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.utils import translation

from apim.pricing.alternatives import alternatives
from apim.pricing.rating import Period, rate
from apim.pricing.terms import INTERVALS, parse_terms
from apim.ui.rated import rated

BASE = {"name": "base", "model": "flat", "amount": "10.00"}
SETUP = {"name": "start", "model": "setup", "amount": "5.00"}
UNIT = {"name": "calls", "meter": "calls", "model": "unit", "unit": "0.01", "minimum": "900.00"}
PACKAGE = {"name": "calls", "meter": "calls", "model": "package", "size": 1000, "amount": "1.00"}
TIERS = [
    {"upTo": 1000, "unit": "0.01", "flat": "5.00"},
    {"upTo": 5000, "unit": "0.005", "flat": "0.00"},
    {"unit": "0.001"},
]
GRADUATED = {"name": "calls", "meter": "calls", "model": "graduated", "tiers": TIERS}
CREDITS = {"name": "credits", "model": "prepaid", "amount": "20.00"}
INCLUDED = {"limits": [{"meter": "calls", "included": 100}]}
SPECS: tuple[dict[str, Any], ...] = (
    *({"currency": "EUR", "interval": interval, "prices": [BASE]} for interval in INTERVALS),
    {"currency": "EUR", "prices": [SETUP, BASE, UNIT], **INCLUDED},
    {"currency": "EUR", "prices": [BASE, PACKAGE], **INCLUDED},
    {"currency": "EUR", "prices": [BASE, GRADUATED], "minimumSpend": "9000.00"},
    {"currency": "EUR", "prices": [BASE, UNIT], "maximumSpend": {"amount": "50.00"}},
    {"currency": "EUR", "prices": [CREDITS, UNIT]},
)


def said() -> Iterator[str]:
    """All that rating and the simulator say of these."""
    for spec in SPECS:
        terms, faults = parse_terms(spec)
        assert terms is not None, faults
        for period in Period:
            yield from (
                line.detail for line in rate(terms, {"calls": Decimal(6000)}, period=period).lines if line.detail
            )
        yield from (words for words, _ in alternatives(terms))


@pytest.mark.parametrize("language", ["ja", "ko", "zh-hans"])
def test_each_word_is_known_again(language: str) -> None:
    words = set(said())
    assert len(words) > 20
    with translation.override(language):
        assert sorted(each for each in words if rated(each) == each) == []


def test_what_people_called_something_stays() -> None:
    with translation.override("ja"):
        assert rated("calls of the month") == "calls of the month"
