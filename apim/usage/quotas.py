"""Quotas of subscriptions: how far each is used, where that leads, and how the periods before went.

Owns: these questions about roll-ups. Must not know: who may ask; callers pass subscriptions that they fetched.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import Q, Sum
from django.utils import timezone

from apim.access.models import Subscription
from apim.usage.forecast import Forecast, forecast_of
from apim.usage.models import UsageRollup
from apim.usage.periods import end_of, start_of
from apim.usage.reports import Gauge, quota_gauges

# By the period of a quota: the step that its pace is read in, how many of them, how many periods are looked back at.
_STEPS: Final[Mapping[str, tuple[str, timedelta, int]]] = {
    "hour": ("minute", timedelta(minutes=1), 60),
    "day": ("hour", timedelta(hours=1), 24),
    "month": ("day", timedelta(days=1), 14),
}
_SHOWN: Final[Mapping[str, int]] = {"hour": 12, "day": 7, "month": 6}
_OVER = "quota-exceeded"


@dataclass(frozen=True, slots=True)
class Projected:
    """A quota with its forecast."""

    gauge: Gauge
    forecast: Forecast


@dataclass(frozen=True, slots=True)
class PastPeriod:
    """A period that is over. Shapes: used is what the quota was charged for, refused what was above it."""

    starts_at: datetime
    used: int
    refused: int


@dataclass(frozen=True, slots=True)
class History:
    """The last periods of one quota, the newest first, beside the limit of today's plan."""

    per: str
    limit: int
    periods: Sequence[PastPeriod]


def projected(subscriptions: Collection[Subscription], now: datetime | None = None) -> dict[str, list[Projected]]:
    """Each quota of each subscription with its forecast, by the subscription's id.

    Shapes: subscriptions come with their plan_version. Two queries for each kind of period, whatever their number.
    """
    now = now or timezone.now()
    gauges = quota_gauges(subscriptions, now)
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for subscription_id, found in gauges.items():
        for gauge in found:
            wanted[gauge.per].add(subscription_id)
    counts = {per: _counts(ids, per, now) for per, ids in sorted(wanted.items())}
    return {
        subscription_id: [Projected(each, _forecast(each, counts[each.per][subscription_id], now)) for each in found]
        for subscription_id, found in gauges.items()
    }


def _forecast(gauge: Gauge, counts: Sequence[int], now: datetime) -> Forecast:
    _, step, _ = _STEPS[gauge.per]
    return forecast_of(limit=gauge.limit, used=gauge.used, counts=counts, step=step, now=now, resets_at=gauge.resets_at)


def _counts(subscription_ids: Collection[str], per: str, now: datetime) -> dict[str, list[int]]:
    """Charged calls in each of the last whole steps, the oldest first."""
    period, step, number = _STEPS[per]
    end = start_of(period, now.astimezone(UTC))
    starts = [end - step * back for back in range(number, 0, -1)]
    rows = UsageRollup.objects.charged().filter(
        period=period, at__gte=starts[0], at__lt=end, subscription_id__in=subscription_ids
    )
    found: defaultdict[tuple[str, datetime], int] = defaultdict(int)
    for subscription_id, at, calls in rows.values_list("subscription_id", "at").annotate(Sum("calls")):
        found[subscription_id, at] += calls
    return {each: [found[each, start] for start in starts] for each in subscription_ids}


def histories(subscription: Subscription, now: datetime | None = None) -> list[History]:
    """How the last periods of each quota went, since the subscription began. A query for each quota."""
    now = now or timezone.now()
    zone = subscription.plan_version.timezone
    return [
        _history(subscription, quota["per"], quota["requests"], start_of(quota["per"], now, zone))
        for quota in subscription.plan_version.quotas
    ]


def _history(subscription: Subscription, per: str, limit: int, current: datetime) -> History:
    zone = subscription.plan_version.timezone
    starts: list[datetime] = []
    start = current
    while len(starts) < _SHOWN[per]:
        start = start_of(per, start - timedelta(seconds=1), zone)
        if end_of(per, start, zone) <= subscription.created_at:
            break
        starts.append(start)
    if not starts:
        return History(per, limit, ())
    # Days of roll-ups are days in UTC; hours keep a month exact in every zone that is whole hours off UTC.
    period = "day" if per == "month" and zone == "UTC" else "hour"
    rows = UsageRollup.objects.completed().filter(
        period=period, at__gte=starts[-1], at__lt=current, subscription_id=subscription.pk
    )
    sums = rows.values_list("at").annotate(
        used=Sum("calls", filter=~Q(status__in=(401, 402, 403, 429), code__gt="")),
        refused=Sum("calls", filter=Q(code=_OVER)),
    )
    found = {start: PastPeriod(start, 0, 0) for start in starts}
    for at, used, refused in sums:
        period_start = start_of(per, at, zone)
        if (before := found.get(period_start)) is not None:
            found[period_start] = replace(
                before, used=before.used + (used or 0), refused=before.refused + (refused or 0)
            )
    return History(per, limit, tuple(found.values()))
