"""What a price makes of a quantity: one part a line of the invoice.

Source: docs.stripe.com/products-prices/pricing-models, docs.stripe.com/billing/subscriptions/tiers: a graduated
price has one line a tier that is reached, and one for each flat fee; a volume price has one line at the tier of the
whole quantity.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from tests.stripe_server.money import round_line


@dataclass(frozen=True, slots=True)
class Part:
    """One line: amount in the smallest unit, rounded."""

    quantity: Decimal
    unit_amount: Decimal | None
    amount: int
    note: str = ""


def parts_of(price: dict[str, Any], quantity: Decimal) -> list[Part]:
    """The lines of a price for a quantity, usage or seats."""
    if price["billing_scheme"] == "tiered":
        if price["tiers_mode"] == "graduated":
            return _graduated(price, quantity)
        return [_volume(price, quantity)]
    unit = Decimal(price["unit_amount_decimal"] or 0)
    counted = transformed(price, quantity)
    return [Part(quantity, unit, round_line(unit * counted, price["currency"]))]


def transformed(price: dict[str, Any], quantity: Decimal) -> Decimal:
    """The quantity after `transform_quantity`. Source: docs.stripe.com/billing/subscriptions/transform-quantity."""
    transform = price.get("transform_quantity")
    if not transform:
        return quantity
    rounding = ROUND_CEILING if transform["round"] == "up" else ROUND_FLOOR
    return (quantity / transform["divide_by"]).to_integral_value(rounding)


def _graduated(price: dict[str, Any], quantity: Decimal) -> list[Part]:
    parts, below = [], Decimal(0)
    for number, tier in enumerate(price["_tiers"], 1):
        top = quantity if tier["up_to"] is None else min(Decimal(tier["up_to"]), quantity)
        inside = max(Decimal(0), top - below)
        if number > 1 and inside == 0:
            break
        parts += _tier_parts(price, tier, inside, f"Tier {number}")
        if tier["up_to"] is None:
            break
        below = Decimal(tier["up_to"])
    return parts


def _tier_parts(price: dict[str, Any], tier: dict[str, Any], inside: Decimal, note: str) -> list[Part]:
    unit, flat, currency = tier["unit_amount_decimal"], tier["flat_amount_decimal"], price["currency"]
    parts = []
    if unit is not None:
        parts.append(Part(inside, Decimal(unit), round_line(inside * Decimal(unit), currency), note))
    if flat is not None:
        parts.append(Part(Decimal(1), Decimal(flat), round_line(Decimal(flat), currency), f"{note} flat fee"))
    return parts


def _volume(price: dict[str, Any], quantity: Decimal) -> Part:
    tiers = price["_tiers"]
    tier = next((each for each in tiers if each["up_to"] is None or quantity <= each["up_to"]), tiers[-1])
    unit = Decimal(tier["unit_amount_decimal"] or 0)
    whole = unit * quantity + Decimal(tier["flat_amount_decimal"] or 0)
    return Part(quantity, unit, round_line(whole, price["currency"]), f"Tier {tiers.index(tier) + 1}")


def total_of(price: dict[str, Any], quantity: Decimal) -> int:
    """The sum of the lines."""
    return sum(part.amount for part in parts_of(price, quantity))
