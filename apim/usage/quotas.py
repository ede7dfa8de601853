"""Quotas of subscriptions: how far each is used, where that leads, and how the periods before went.

Owns: these questions about roll-ups. Must not know: who may ask; callers pass subscriptions that they fetched.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Min, Sum
from django.utils import timezone

from apim.access.models import Subscription
from apim.products.limits import CALLS, is_anchored, unit_of
from apim.usage.forecast import Forecast, forecast_of
from apim.usage.gauges import Gauge, quota_gauges, spent_by
from apim.usage.models import UsageRollup
from apim.usage.periods import start_of
from apim.usage.quota_windows import windows_before

# By the period of a quota: the step that its pace is read in, how many of them, how many periods are looked back at.
_STEPS: Final[Mapping[str, tuple[str, timedelta, int]]] = {
    "hour": ("minute", timedelta(minutes=1), 60),
    "day": ("hour", timedelta(hours=1), 24),
    "month": ("day", timedelta(days=1), 14),
    "period": ("day", timedelta(days=1), 14),
}
_SHOWN: Final[Mapping[str, int]] = {"hour": 12, "day": 7, "month": 6, "period": 6}
_HOURS_KEPT: Final = timedelta(days=61)  # at least, whatever is set
_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
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
    unit: str = CALLS
    is_anchored: bool = False


def projected(subscriptions: Collection[Subscription], now: datetime | None = None) -> dict[str, list[Projected]]:
    """Each quota of each subscription with its forecast, by the subscription's id.

    Shapes: subscriptions come with their plan_version. Two queries for each kind of period and what it counts, whatever
    their number.
    """
    now = now or timezone.now()
    gauges = quota_gauges(subscriptions, now)
    wanted: defaultdict[tuple[str, str], list[Subscription]] = defaultdict(list)
    for subscription in subscriptions:
        for gauge in gauges[subscription.id]:
            wanted[gauge.per, gauge.unit].append(subscription)
    counts = {kind: _counts(limited, *kind, now) for kind, limited in sorted(wanted.items())}
    return {
        subscription_id: [
            Projected(each, _forecast(each, counts[each.per, each.unit][subscription_id], now)) for each in found
        ]
        for subscription_id, found in gauges.items()
    }


def _forecast(gauge: Gauge, counts: Sequence[int], now: datetime) -> Forecast:
    _, step, _ = _STEPS[gauge.per]
    return forecast_of(limit=gauge.limit, used=gauge.used, counts=counts, step=step, now=now, resets_at=gauge.resets_at)


def _counts(subscriptions: Collection[Subscription], per: str, unit: str, now: datetime) -> dict[str, list[int]]:
    """What was charged in each of the last whole steps, the oldest first."""
    period, step, number = _STEPS[per]
    end = start_of(period, now.astimezone(UTC))
    starts = [end - step * back for back in range(number, 0, -1)]
    rows = UsageRollup.objects.charged().filter(period=period, at__gte=starts[0], at__lt=end)
    found = spent_by(rows, subscriptions, unit, "at")
    return {each.id: [found[each.id, start] for start in starts] for each in subscriptions}


def histories(subscription: Subscription, now: datetime | None = None) -> list[History]:
    """How the last periods of each quota went, as far as that is still told; two queries for each quota.

    Two more where hours tell them that may have been let go: such periods are left out, or their sums would be too low.
    """
    now = now or timezone.now()
    return [_history(subscription, quota, now) for quota in subscription.plan_version.quotas]


def _history(subscription: Subscription, quota: Mapping[str, Any], now: datetime) -> History:
    per, unit, is_own = quota["per"], unit_of(quota), is_anchored(quota)
    windows = windows_before(subscription, quota, now, _SHOWN[per])
    is_of_days = all(start == start_of("day", start) for start, _ in windows)
    if windows and not is_of_days and windows[-1][0] < now - _HOURS_KEPT:
        since = _told_by_hours_since(subscription)
        windows = [each for each in windows if each[0] >= since]
    if not windows:
        return History(per, quota["requests"], (), unit, is_own)
    # Days of roll-ups are days in UTC; hours keep a month exact in every zone that is whole hours off UTC.
    period = "day" if is_of_days and (is_own or per == "month") else "hour"
    rows = UsageRollup.objects.filter(period=period, at__gte=windows[-1][0], at__lt=windows[0][1])
    starts = [start for start, _ in reversed(windows)]
    used, refused = [0] * len(windows), [0] * len(windows)
    for (_, at), amount in spent_by(rows.charged(), [subscription], unit, "at").items():
        used[bisect_right(starts, at) - 1] += amount
    above = rows.filter(subscription_id=subscription.pk, code=_OVER).order_by().values_list("at")
    for at, calls in above.annotate(Sum("calls")):
        refused[bisect_right(starts, at) - 1] += calls
    periods = [PastPeriod(*each) for each in zip(starts, used, refused, strict=True)]
    return History(per, quota["requests"], periods[::-1], unit, is_own)


def _told_by_hours_since(subscription: Subscription) -> datetime:
    """From when on hours tell all that days tell of a subscription."""
    rows = UsageRollup.objects.filter(subscription_id=subscription.pk)
    days, hours = (rows.filter(period=period).aggregate(first=Min("at"))["first"] for period in ("day", "hour"))
    if days is None or (hours is not None and start_of("day", hours) <= days):
        return _BEGINNING
    return hours or datetime.max.replace(tzinfo=UTC)
