"""What can be charged: of three decimals the last one is 0; everything else stays as it was rated."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apim.pricing.money import from_minor, round_money
from apim.pricing.rating import Line, Rated
from apim.pricing.settling import settled

CASES = [
    ("KWD", (4,), "0.000"),
    ("KWD", (5,), "0.010"),
    ("KWD", (9250, 1296), "10.550"),
    ("KWD", (-5,), "-0.010"),
    ("EUR", (1296,), "12.96"),
    ("JPY", (3,), "3"),
]


@pytest.mark.parametrize(("currency", "amounts", "total"), CASES)
def test_lines_of_three_decimals_end_in_zero(currency: str, amounts: tuple[int, ...], total: str) -> None:
    made = [
        Line("calls", "calls", Decimal(1), from_minor(each, currency), from_minor(each, currency)) for each in amounts
    ]
    found = settled(Rated(currency, tuple(made), sum((line.amount for line in made), Decimal(0))))
    assert str(found.total) == total
    assert sum(line.amount for line in found.lines) == found.total


@pytest.mark.parametrize(("calls", "total"), [(12, "0.000"), (13, "0.010"), (37, "0.010"), (38, "0.020")])
def test_a_line_is_rounded_once(calls: int, total: str) -> None:
    """12 x 0.0004 = 0.0048: by way of 0.005 it would become 0.010."""
    made = Line("calls", "calls", Decimal(calls), Decimal("0.0004"), round_money(calls * Decimal("0.0004"), "KWD"))
    assert str(settled(Rated("KWD", (made,), made.amount)).total) == total
