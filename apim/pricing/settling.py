"""Settling: an invoice as payment networks take it.

They carry two decimals: of currencies with three, each line ends in 0.
Source: docs.stripe.com/currencies#three-decimal.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from apim.pricing.money import minor_digits
from apim.pricing.rating import Rated

_CARRIED: Final = 2
_STEP: Final = Decimal("0.01")
_SHOWN: Final = Decimal("0.001")


def settled(rated: Rated) -> Rated:
    """The invoice with each line in steps that can be charged, halves away from zero."""
    if not rated.currency or minor_digits(rated.currency) <= _CARRIED:
        return rated
    lines = tuple(
        replace(line, amount=line.amount.quantize(_STEP, ROUND_HALF_UP).quantize(_SHOWN)) for line in rated.lines
    )
    return replace(rated, lines=lines, total=sum((line.amount for line in lines), Decimal(0)))
