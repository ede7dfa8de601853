"""Rating: the lines and the total of an invoice, from terms and usage. Exact until a line is rounded, once, half up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Any

from apim.pricing.money import EXACT, money_text, quantity_text, round_money
from apim.pricing.parts import Flat, Graduated, Metered, Package, Part, Prepaid, Setup, Tier, Unit, Volume
from apim.pricing.terms import Terms

_ZERO = Decimal(0)
_ONE = Decimal(1)


class Period(StrEnum):
    """Which period of a subscription is rated: one-off fees are due in the first, nothing recurring in the trial."""

    TRIAL = "trial"
    FIRST = "first"
    LATER = "later"


class Kind(StrEnum):
    """What a line is about."""

    FLAT = "flat"
    SETUP = "setup"
    USAGE = "usage"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    TOP_UP = "top-up"
    CREDITS = "credits"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of an invoice. Shapes: name of the price part; meter "" where none is read; detail in words."""

    name: str
    meter: str
    quantity: Decimal
    unit_amount: Decimal
    amount: Decimal
    kind: Kind = Kind.USAGE
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Rated:
    """An invoice. Shapes: credits_left = the prepaid balance after it."""

    currency: str
    lines: tuple[Line, ...]
    total: Decimal
    credits_left: Decimal = _ZERO

    def as_mapping(self) -> dict[str, Any]:
        """The invoice as JSON has it, amounts and quantities as texts."""
        return {
            "currency": self.currency,
            "lines": [
                {
                    "name": line.name,
                    "kind": str(line.kind),
                    "detail": line.detail,
                    "meter": line.meter or None,
                    "quantity": quantity_text(line.quantity),
                    "unit_amount": self._text(line.unit_amount),
                    "amount": self._text(line.amount),
                }
                for line in self.lines
            ],
            "total": self._text(self.total),
        }

    def _text(self, amount: Decimal) -> str:
        return money_text(amount, self.currency) if self.currency else quantity_text(amount)


def rate(
    terms: Terms,
    usage: Mapping[str, Decimal],
    *,
    period: Period = Period.LATER,
    balance: Decimal = _ZERO,
) -> Rated:
    """What a period with this usage costs.

    Shapes: usage by the names of meters, a missing one is 0; balance = the credits before the period. What a
    prepaid plan lacks is topped up, in whole top-ups.
    Errors: ValueError for a quantity below zero.
    """
    if any(quantity < 0 for quantity in usage.values()):
        raise ValueError("a quantity is below zero")
    if not terms.is_priced:
        return Rated(terms.currency, (), _ZERO)
    with localcontext(EXACT):
        lines = [line for part in terms.prices for line in _part_lines(terms, part, usage, period)]
        if period is not Period.TRIAL:
            lines += _minimum_spend(terms, lines)
            lines += _maximum_spend(terms, lines)
        drawn, left = _draw(terms, lines, balance)
        lines += drawn
        return Rated(terms.currency, tuple(lines), sum((line.amount for line in lines), _ZERO), left)


def _part_lines(terms: Terms, part: Part, usage: Mapping[str, Decimal], period: Period) -> list[Line]:
    match part:
        case Setup():
            is_due = period is not Period.LATER
            return [_line(terms, part.name, _ONE, part.amount, kind=Kind.SETUP, detail="once")] if is_due else []
        case Prepaid():
            return []
        case Flat():
            found = [_line(terms, part.name, _ONE, part.amount, kind=Kind.FLAT, detail=f"each {terms.interval}")]
        case _:
            found = _metered_lines(terms, part, usage.get(part.meter, _ZERO))
    return [_waived(line, terms) for line in found] if period is Period.TRIAL else found


def _metered_lines(terms: Terms, part: Metered, quantity: Decimal) -> list[Line]:
    slices = list(_slices(terms, part, quantity))
    lines = [
        Line(part.name, part.meter, count, price, round_money(count * price, terms.currency), Kind.USAGE, detail)
        for count, price, detail in slices
    ]
    missing = part.minimum - sum((line.amount for line in lines), _ZERO)
    if missing > 0:
        lines.append(
            _line(terms, part.name, _ONE, missing, kind=Kind.MINIMUM, detail="up to the minimum", meter=part.meter)
        )
    return lines


def _slices(terms: Terms, part: Metered, quantity: Decimal) -> Iterator[tuple[Decimal, Decimal, str]]:
    """How many units, or packages, at which price, in words."""
    limit = terms.limit_of(part.meter)
    included = min(Decimal(limit.included), quantity) if limit else _ZERO
    match part:
        case Graduated():
            yield from _graduated(part.tiers, quantity)
        case Volume():
            tier = next(tier for tier in part.tiers if tier.up_to is None or quantity <= tier.up_to)
            yield quantity, tier.unit, _bound(tier, part.tiers)
            yield from _flat_of(tier, quantity, part.tiers)
        case Unit():
            if included:
                yield included, _ZERO, "included"
            yield quantity - included, part.unit, ""
        case Package():
            if included:
                yield included, _ZERO, "included"
            packages = _begun(quantity - included, Decimal(part.size))
            yield packages, part.amount, f"packages of {part.size:,}, each begun one"


def _graduated(tiers: Sequence[Tier], quantity: Decimal) -> Iterator[tuple[Decimal, Decimal, str]]:
    below = _ZERO
    for tier in tiers:
        upper = quantity if tier.up_to is None else min(Decimal(tier.up_to), quantity)
        if upper > below or tier is tiers[0]:
            yield upper - below, tier.unit, _bound(tier, tiers)
            yield from _flat_of(tier, upper - below, tiers)
        below = max(upper, below)


def _flat_of(tier: Tier, quantity: Decimal, tiers: Sequence[Tier]) -> Iterator[tuple[Decimal, Decimal, str]]:
    if tier.flat and quantity > 0:
        yield _ONE, tier.flat, f"{_bound(tier, tiers)}: once for the tier"


def _bound(tier: Tier, tiers: Sequence[Tier]) -> str:
    lower = next((other.up_to for other in reversed(tiers[: tiers.index(tier)])), None)
    if tier.up_to is None:
        return f"above {lower:,}" if lower is not None else ""
    return f"{lower + 1:,} to {tier.up_to:,}" if lower is not None else f"up to {tier.up_to:,}"


def _minimum_spend(terms: Terms, lines: Sequence[Line]) -> list[Line]:
    missing = terms.minimum_spend - _recurring(lines)
    words = "up to the minimum spend"
    return [_line(terms, "minimum spend", _ONE, missing, kind=Kind.MINIMUM, detail=words)] if missing > 0 else []


def _maximum_spend(terms: Terms, lines: Sequence[Line]) -> list[Line]:
    if terms.maximum_spend is None:
        return []
    excess = _recurring(lines) - terms.maximum_spend.amount
    words = "what is above the maximum spend"
    return [_line(terms, "maximum spend", _ONE, -excess, kind=Kind.MAXIMUM, detail=words)] if excess > 0 else []


def _draw(terms: Terms, lines: Sequence[Line], balance: Decimal) -> tuple[list[Line], Decimal]:
    """The lines of credits, and what is left of them: they pay for usage, and only for that."""
    part = terms.prepaid
    if part is None:
        return [], balance
    kinds = {Kind.USAGE, Kind.MINIMUM, Kind.MAXIMUM}
    due = max(sum((line.amount for line in lines if line.kind in kinds), _ZERO), _ZERO)
    found: list[Line] = []
    lacking = due - min(due, part.included)  # what the period brings along is gone with it, so it is used first
    if lacking > balance:
        top_ups = _begun(lacking - balance, part.amount)
        found.append(_line(terms, part.name, top_ups, part.amount, kind=Kind.TOP_UP, detail="top-ups"))
        balance += top_ups * part.amount
    if due:
        found.append(_line(terms, part.name, _ONE, -due, kind=Kind.CREDITS, detail="paid from credits"))
    return found, balance - lacking


def _recurring(lines: Sequence[Line]) -> Decimal:
    return sum((line.amount for line in lines if line.kind is not Kind.SETUP), _ZERO)


def _line(
    terms: Terms, name: str, quantity: Decimal, price: Decimal, *, kind: Kind, detail: str, meter: str = ""
) -> Line:
    return Line(name, meter, quantity, price, round_money(quantity * price, terms.currency), kind, detail)


def _waived(line: Line, terms: Terms) -> Line:
    detail = f"{line.detail}, free in the trial" if line.detail else "free in the trial"
    return replace(line, unit_amount=_ZERO, amount=round_money(_ZERO, terms.currency), detail=detail)


def _begun(quantity: Decimal, size: Decimal) -> Decimal:
    """How many packages of a size hold the quantity, the begun one included."""
    whole, rest = divmod(quantity, size)
    return whole + (1 if rest else 0)
