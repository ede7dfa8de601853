"""Price parts: what a plan charges for, each a frozen value that is written as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from apim.pricing.faults import Fields
from apim.pricing.money import money_text

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Flat:
    """A fixed amount each period. Shapes: term is "advance" or "arrears"."""

    name: str
    amount: Decimal
    term: str = "advance"
    model = "flat"


@dataclass(frozen=True, slots=True)
class Setup:
    """A fixed amount once, when the subscription begins."""

    name: str
    amount: Decimal
    model = "setup"


@dataclass(frozen=True, slots=True)
class Unit:
    """A price for each unit of a meter. Shapes: minimum = what the period costs at least."""

    name: str
    meter: str
    unit: Decimal
    minimum: Decimal = _ZERO
    model = "unit"


@dataclass(frozen=True, slots=True)
class Package:
    """A price for each begun package of so many units."""

    name: str
    meter: str
    size: int
    amount: Decimal
    minimum: Decimal = _ZERO
    model = "package"


@dataclass(frozen=True, slots=True)
class Tier:
    """Units up to a bound, the bound included; without one, all above. Shapes: flat is due once a unit falls in it."""

    up_to: int | None
    unit: Decimal
    flat: Decimal = _ZERO


@dataclass(frozen=True, slots=True)
class Graduated:
    """Each unit at the price of the tier that it falls in."""

    name: str
    meter: str
    tiers: tuple[Tier, ...]
    minimum: Decimal = _ZERO
    model = "graduated"


@dataclass(frozen=True, slots=True)
class Volume:
    """All units at the price of the tier that the last one falls in."""

    name: str
    meter: str
    tiers: tuple[Tier, ...]
    minimum: Decimal = _ZERO
    model = "volume"


@dataclass(frozen=True, slots=True)
class Prepaid:
    """Credits bought before use; what the meters cost is drawn from them.

    Shapes: amount = one top-up; below = the balance under which one is bought unasked, None when never. others = what
    else a top-up may be; included = credits that each period brings and takes away again.
    """

    name: str
    amount: Decimal
    expires_after_days: int | None = None
    below: Decimal | None = None
    others: tuple[Decimal, ...] = ()
    included: Decimal = _ZERO
    model = "prepaid"

    @property
    def offers(self) -> tuple[Decimal, ...]:
        """All that a top-up may be, the smallest first."""
        return tuple(sorted({self.amount, *self.others}))


Metered = Unit | Package | Graduated | Volume
Part = Flat | Setup | Metered | Prepaid

MODELS = ("flat", "setup", "unit", "graduated", "volume", "package", "prepaid")
TERMS = ("advance", "arrears")
_TIERS_AT_MOST = 100
_TOP_UPS_AT_MOST = 5
_LONGEST_NAME = 60


def read_part(fields: Fields, currency: str) -> Part | None:
    """The part that the fields describe; None when its model is unknown. What is wrong is in the fields' faults."""
    before = len(fields.faults)
    model = fields.choice("model", MODELS)
    if len(fields.faults) > before:
        return None
    name = fields.text("name", default=model)
    if len(name) > _LONGEST_NAME or ":" in name:
        fields.fault(
            "name", f"A name has at most {_LONGEST_NAME} characters and no colon.", "It stands on the invoice."
        )
    match model:
        case "flat":
            fields.only(("name", "model", "amount", "term"))
            return Flat(name, fields.amount("amount", currency), fields.choice("term", TERMS, default="advance"))
        case "setup":
            fields.only(("name", "model", "amount"))
            return Setup(name, fields.amount("amount", currency))
        case "prepaid":
            return _read_prepaid(fields, name, currency)
    meter, minimum = fields.text("meter"), fields.amount("minimum", currency, default="0")
    match model:
        case "unit":
            fields.only(("name", "meter", "model", "unit", "minimum"))
            return Unit(name, meter, fields.price("unit", currency), minimum)
        case "package":
            fields.only(("name", "meter", "model", "size", "amount", "minimum"))
            return Package(name, meter, fields.count("size", least=1), fields.amount("amount", currency), minimum)
    fields.only(("name", "meter", "model", "tiers", "minimum"))
    tiers = _read_tiers(fields, currency)
    return Graduated(name, meter, tiers, minimum) if model == "graduated" else Volume(name, meter, tiers, minimum)


def _read_prepaid(fields: Fields, name: str, currency: str) -> Prepaid:
    fields.only(("name", "model", "amount", "topUps", "included", "expiresAfterDays", "autoTopUp"))
    amount = fields.amount("amount", currency)
    if not amount and "amount" in fields.source:
        fields.fault("amount", "A top-up is more than nothing.")
    others = fields.amounts("topUps", currency)
    if len(others) > _TOP_UPS_AT_MOST or not all(others):
        fields.fault("topUps", f"At most {_TOP_UPS_AT_MOST} further amounts, each more than nothing.")
    days = fields.count("expiresAfterDays", least=1) if "expiresAfterDays" in fields.source else None
    included = fields.amount("included", currency, default="0")
    top_up = fields.below("autoTopUp")
    below = None
    if top_up is not None:
        top_up.only(("below",))
        below = top_up.amount("below", currency)
    return Prepaid(name, amount, days, below, others, included)


def _read_tiers(fields: Fields, currency: str) -> tuple[Tier, ...]:
    tiers: list[Tier] = []
    inside = fields.items("tiers")
    if not inside:
        hint = 'Such as `[{ upTo: 1000, unit: "0" }, { unit: "0.0004" }]`.'
        fields.fault("tiers" if "tiers" in fields.source else "", "`tiers` has one tier at least.", hint)
    if len(inside) > _TIERS_AT_MOST:
        fields.fault("tiers", f"At most {_TIERS_AT_MOST} tiers.")
    least = 1
    for index, each in enumerate(inside):
        each.only(("upTo", "unit", "flat"))
        is_last = index == len(inside) - 1
        up_to = each.count("upTo", least=least) if "upTo" in each.source else None
        if is_last and up_to is not None:
            each.fault("upTo", "The last tier has no bound: it takes all that is above.", "Leave `upTo` out of it.")
        elif not is_last and up_to is None:
            each.fault("", "Only the last tier has no `upTo`.", "Say how many units this one reaches up to.")
        least = (up_to or least) + 1
        tiers.append(Tier(up_to, each.price("unit", currency), each.amount("flat", currency, default="0")))
    return tuple(tiers)


def part_document(part: Part, currency: str) -> dict[str, Any]:
    """The part as it stands in a Plan document."""
    document: dict[str, Any] = {"name": part.name, "model": part.model}
    match part:
        case Flat():
            return document | {"amount": money_text(part.amount, currency), "term": part.term}
        case Setup():
            return document | {"amount": money_text(part.amount, currency)}
        case Prepaid():
            return document | _prepaid_document(part, currency)
    document = {"name": part.name, "meter": part.meter, "model": part.model}
    match part:
        case Unit():
            document["unit"] = money_text(part.unit, currency)
        case Package():
            document |= {"size": part.size, "amount": money_text(part.amount, currency)}
        case Graduated() | Volume():
            document["tiers"] = [_tier_document(tier, currency) for tier in part.tiers]
    return document | ({"minimum": money_text(part.minimum, currency)} if part.minimum else {})


def _prepaid_document(part: Prepaid, currency: str) -> dict[str, Any]:
    document: dict[str, Any] = {"amount": money_text(part.amount, currency)}
    if part.others:
        document["topUps"] = [money_text(each, currency) for each in part.others]
    if part.included:
        document["included"] = money_text(part.included, currency)
    if part.expires_after_days is not None:
        document["expiresAfterDays"] = part.expires_after_days
    if part.below is not None:
        document["autoTopUp"] = {"below": money_text(part.below, currency)}
    return document


def _tier_document(tier: Tier, currency: str) -> Mapping[str, Any]:
    document: dict[str, Any] = {"upTo": tier.up_to} if tier.up_to is not None else {}
    document["unit"] = money_text(tier.unit, currency)
    return document | ({"flat": money_text(tier.flat, currency)} if tier.flat else {})
