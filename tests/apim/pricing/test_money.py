from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apim.pricing.money import CURRENCIES, from_minor, minor_digits, money_text, round_money, to_minor
from tests.properties import patient

CODES = st.sampled_from(sorted(CURRENCIES))


@pytest.mark.parametrize(("currency", "digits"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3)])
def test_a_currency_has_the_digits_of_iso_4217(currency: str, digits: int) -> None:
    assert minor_digits(currency) == digits


@patient
@given(currency=CODES, minor=st.integers(-(10**15), 10**15))
def test_minor_units_go_there_and_back_without_loss(currency: str, minor: int) -> None:
    assert to_minor(from_minor(minor, currency), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.005", "EUR", "0.01"),
        ("0.015", "EUR", "0.02"),
        ("0.004999", "EUR", "0.00"),
        ("-0.005", "EUR", "-0.01"),
        ("0.5", "JPY", "1"),
        ("1.5", "KRW", "2"),
        ("2.5", "KRW", "3"),
        ("0.0005", "KWD", "0.001"),
    ],
)
def test_halves_go_away_from_zero(amount: str, currency: str, rounded: str) -> None:
    assert money_text(round_money(Decimal(amount), currency), currency) == rounded


def test_a_fraction_of_the_minor_unit_is_no_amount() -> None:
    with pytest.raises(ValueError, match="fraction"):
        to_minor(Decimal("0.005"), "EUR")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("29", "EUR", "29.00"),
        ("0.0004", "EUR", "0.0004"),
        ("1E+3", "JPY", "1000"),
        ("1.5", "KRW", "1.5"),
        ("3.1", "KWD", "3.100"),
    ],
)
def test_an_amount_is_told_with_the_digits_of_its_currency(amount: str, currency: str, text: str) -> None:
    assert money_text(Decimal(amount), currency) == text
