"""Alternatives: the same plan sold by another model, so that an owner sees what the choice of the model does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from apim.pricing.clauses import MeterLimit
from apim.pricing.money import money_text, round_money
from apim.pricing.parts import Graduated, Metered, Package, Part, Tier, Unit, Volume
from apim.pricing.terms import Terms

_PACKAGE = 1000


def alternatives(terms: Terms) -> Iterator[tuple[str, Terms]]:
    """Each other model with the terms that have it, where one metered price tells what one more unit costs.

    The free units stay free: as the first tier, or as what the limit includes.
    """
    metered = [part for part in terms.prices if isinstance(part, Unit | Package | Graduated | Volume)]
    if len(metered) != 1:
        return
    part = metered[0]
    free, price = _free_units(terms, part), _last_price(part)
    package = round_money(price * _PACKAGE, terms.currency)
    tiers = (Tier(free, Decimal(0)), Tier(None, price)) if free else (Tier(None, price),)
    words = money_text(price, terms.currency)
    offers: list[tuple[str, Metered]] = [
        (f"One by one at {words}", Unit(part.name, part.meter, price, part.minimum)),
        (f"Graduated at {words}", Graduated(part.name, part.meter, tiers, part.minimum)),
        (f"Volume at {words}", Volume(part.name, part.meter, tiers, part.minimum)),
        (
            f"Packages of {_PACKAGE:,} at {money_text(package, terms.currency)}",
            Package(part.name, part.meter, _PACKAGE, package, part.minimum),
        ),
    ]
    for words, other in offers:
        if other.model != part.model:
            yield words, _with(terms, part, other, free)


def _with(terms: Terms, part: Metered, other: Metered, free: int) -> Terms:
    prices: tuple[Part, ...] = tuple(other if each is part else each for each in terms.prices)
    limits = tuple(limit for limit in terms.limits if limit.meter != part.meter)
    if free:
        limits += (MeterLimit(part.meter, free),)
    return replace(terms, prices=prices, limits=limits)


def _free_units(terms: Terms, part: Metered) -> int:
    if isinstance(part, Graduated | Volume):
        first = part.tiers[0]
        return first.up_to or 0 if not first.unit and not first.flat else 0
    limit = terms.limit_of(part.meter)
    return limit.included if limit else 0


def _last_price(part: Metered) -> Decimal:
    match part:
        case Unit():
            return part.unit
        case Package():
            return (part.amount / part.size).quantize(Decimal("1e-12"))
        case _:
            return part.tiers[-1].unit
