"""Settling: an invoice as payment networks take it.

They carry two decimals: of currencies with three, each line ends in 0.
Source: docs.stripe.com/currencies#three-decimal.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from apim.pricing.money import EXACT, minor_digits, round_money
from apim.pricing.rating import Line, Rated

_CARRIED: Final = 2
_STEP: Final = Decimal("0.01")
_SHOWN: Final = Decimal("0.001")


def settled(rated: Rated) -> Rated:
    """The invoice with each line in steps that can be charged, halves away from zero."""
    if not rated.currency or smallest_step(rated.currency) == 1:
        return rated
    lines = tuple(replace(line, amount=_settled(line, rated.currency)) for line in rated.lines)
    return replace(rated, lines=lines, total=sum((line.amount for line in lines), Decimal(0)))


def smallest_step(currency: str) -> int:
    """How many minor units the steps have in which a line can be charged: 10 where there are three decimals."""
    return 10 if minor_digits(currency) > _CARRIED else 1


def _settled(line: Line, currency: str) -> Decimal:
    """Rounded once: from what the line is before it was rounded to the minor unit, wherever it tells that."""
    exact = EXACT.multiply(line.quantity, line.unit_amount)
    amount = exact if round_money(exact, currency) == line.amount else line.amount
    return amount.quantize(_STEP, ROUND_HALF_UP).quantize(_SHOWN)
