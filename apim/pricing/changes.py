"""Changes: what a change of plan costs in a begun period, and what of that period is given back.

The rest of the period is charged at the new plan's price. What is given back of the old one is the rest of the period
(`time`), the smaller of that and of what is left of the quota (`max-consumption`), or nothing (`none`). A plan with
periods of another length begins one at once, which is paid in full. Of the plan that is left no minimum and no amount
in arrears is due for the part of its period; those of the new one are due whole when the period ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from apim.pricing.closing import is_advance
from apim.pricing.money import from_minor, round_money, to_minor
from apim.pricing.parts import Metered
from apim.pricing.rating import Kind, Line, Rated, rate
from apim.pricing.settling import smallest_step
from apim.pricing.terms import Terms

USED_QUOTA = "used quota"  # the line of what is not given back
BY_TIME, BY_CONSUMPTION, NOTHING = "time", "max-consumption", "none"
Share = Fraction | Decimal
_ONE = Decimal(1)
_NOTHING = Fraction(0)
_MONTHS = {"day": Decimal(12) / 365, "week": Decimal(12) / 52, "month": Decimal(1), "year": Decimal(12)}


@dataclass(frozen=True, slots=True)
class Begun:
    """A period that has begun, and the moment of the change in it."""

    start: datetime
    end: datetime
    at: datetime

    @property
    def used_share(self) -> Fraction:
        """How much of it is over: 0 to 1, to the second."""
        whole = int((self.end - self.start).total_seconds())
        over = int((self.at - self.start).total_seconds())
        return Fraction(min(max(over, 0), whole), whole) if whole > 0 else Fraction(1)


def is_cheaper(new: Terms, old: Terms) -> bool:
    """True when the new plan costs less each month before any usage: then the change is a downgrade."""
    return new.recurring / _MONTHS[new.interval] < old.recurring / _MONTHS[old.interval]


def credit_for_rest(terms: Terms, *, time_share: Share, quota_share: Share = _NOTHING) -> Decimal:
    """What a customer gets back of the flat prices paid in advance, by the plan's `change.proration`.

    Shapes: time_share and quota_share = how much of the period, and of what it includes, is used up: 0 to 1.
    """
    if terms.change.proration == NOTHING:
        return round_money(Decimal(0), terms.currency)
    used = max(time_share, quota_share) if terms.change.proration == BY_CONSUMPTION else time_share
    paid = sum((part.amount for part in terms.prices if is_advance(part)), Decimal(0))
    return _part_of(paid, 1 - Fraction(used), terms.currency)


def quota_share(terms: Terms, usage: Mapping[str, Decimal]) -> Fraction:
    """How much of what the plan includes is used up, of the meter that is used most: 0 to 1."""
    shares = [Fraction(usage.get(limit.meter, Decimal(0))) / limit.included for limit in terms.limits if limit.included]
    return min(max(shares, default=_NOTHING), Fraction(1))


def kept_back(old: Terms, usage: Mapping[str, Decimal], *, begun: Begun) -> Decimal:
    """What of the rest of the period is not given back, because the plan gives back less than time has left."""
    if old.change.proration == BY_TIME:
        return round_money(Decimal(0), old.currency)
    over = begun.used_share
    by_time = sum((-line.amount for line in _unused(old, over)), Decimal(0))
    return by_time - credit_for_rest(old, time_share=over, quota_share=quota_share(old, usage))


def rate_change(old: Terms, new: Terms, usage: Mapping[str, Decimal], *, begun: Begun) -> Rated:
    """The invoice of a change at once: what is given back, what the new plan costs, what was used so far.

    Shapes: usage of the old plan's meters in the begun period; one-off fees are due at the beginning alone, not here.
    """
    lines = _unused(old, begun.used_share)
    kept = kept_back(old, usage, begun=begun)
    lines += [_line(USED_QUOTA, kept, "not given back")] if kept else []
    lines += _charges(old, new, begun.used_share)
    lines += rate(_usage_only(old), usage).lines
    return Rated(new.currency, tuple(lines), sum((line.amount for line in lines), Decimal(0)))


def _unused(old: Terms, over: Fraction) -> list[Line]:
    return [
        _line(part.name, -_part_of(part.amount, 1 - over, old.currency), "the rest of the period by the old plan")
        for part in old.prices
        if is_advance(part)
    ]


def _charges(old: Terms, new: Terms, over: Fraction) -> list[Line]:
    is_begun_anew = old.interval != new.interval
    share, detail = (
        (Fraction(1), f"a {new.interval} from now on") if is_begun_anew else (1 - over, "the rest of the period")
    )
    return [
        _line(part.name, _part_of(part.amount, share, new.currency), detail) for part in new.prices if is_advance(part)
    ]


def _usage_only(terms: Terms) -> Terms:
    """The terms without what each period costs anyway, and without floors and ceilings of a whole period."""
    return Terms(
        currency=terms.currency,
        interval=terms.interval,
        prices=tuple(replace(part, minimum=Decimal(0)) for part in terms.prices if isinstance(part, Metered)),
        limits=terms.limits,
    )


def _part_of(amount: Decimal, share: Fraction, currency: str) -> Decimal:
    """A part of an amount, rounded once to what can be charged, halves away from zero; no digit is lost before."""
    step = smallest_step(currency)
    steps = to_minor(amount, currency) * min(max(share, _NOTHING), Fraction(1)) / step
    return from_minor((2 * steps.numerator + steps.denominator) // (2 * steps.denominator) * step, currency)


def _line(name: str, amount: Decimal, detail: str) -> Line:
    return Line(name, "", _ONE, amount, amount, Kind.FLAT, detail)
