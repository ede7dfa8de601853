"""Forecasts: what a begun period has cost so far, and what it comes to if it goes on like this. Pure: no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from apim.pricing.closing import opening
from apim.pricing.parts import Metered
from apim.pricing.rating import Period, Rated, rate
from apim.pricing.terms import Terms

_ZERO = Decimal(0)
_ENOUGH = Decimal("0.02")  # of a period: before it, a few calls would make a fortune


@dataclass(frozen=True, slots=True)
class Forecast:
    """The next invoice, as it would be now and as it is expected.

    Shapes: expected None = too early to tell; share = how much of the period is over, 0 to 1.
    """

    so_far: Rated
    expected: Rated | None
    usage: Mapping[str, Decimal]
    share: Decimal


def forecast(
    terms: Terms, usage: Mapping[str, Decimal], *, since: datetime, until: datetime, now: datetime
) -> Forecast:
    """The forecast of the period [since, until): usage goes on as it did, evenly."""
    length = max((until - since).total_seconds(), 1)
    share = min(max(Decimal((now - since).total_seconds() / length), _ZERO), Decimal(1))
    so_far = rate(_without_minimum(terms), usage, period=Period.LATER)
    if share < _ENOUGH:
        return Forecast(so_far, None, usage, share)
    whole = {meter: (quantity / share).quantize(Decimal(1), ROUND_HALF_UP) for meter, quantity in usage.items()}
    return Forecast(so_far, rate(terms, whole, period=Period.LATER), usage, share)


def forecast_of_trial(terms: Terms) -> Forecast:
    """The invoice at the end of a trial: what is due in advance, for usage was free."""
    due = rate(opening(terms), {}, period=Period.LATER)
    return Forecast(due, due, {}, _ZERO)


def spent(terms: Terms, usage: Mapping[str, Decimal]) -> Decimal:
    """What the period costs so far before any bound of spend: what caps are measured against."""
    return rate(replace(_without_minimum(terms), maximum_spend=None), usage, period=Period.LATER).total


def _without_minimum(terms: Terms) -> Terms:
    """The terms without what is due only if little is used: that is not known before the end."""
    prices = tuple(replace(part, minimum=_ZERO) if isinstance(part, Metered) else part for part in terms.prices)
    return replace(terms, prices=prices, minimum_spend=_ZERO)
