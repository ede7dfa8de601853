"""Gauges: how much of each quota of a subscription is used, in what the quota counts.

Calls, bytes of bodies, and units, of which operations cost what the plan says; all summed from roll-ups, so that page,
mail and webhook say the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import F, Sum
from django.utils import timezone

from apim.access.models import Subscription
from apim.products.limits import BYTES, CALLS, QUOTA_UNITS, unit_of
from apim.usage.models import UsageRollup, UsageRollupQuerySet
from apim.usage.periods import end_of, start_of
from gateway_sync.policies.patterns import weight_of


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of a quota is used."""

    per: str
    limit: int
    used: int
    resets_at: datetime
    unit: str = CALLS

    @property
    def percent(self) -> int:
        """The used share, at most 100."""
        return min(100, self.used * 100 // self.limit) if self.limit else 100


def quota_gauges(subscriptions: Collection[Subscription], now: datetime | None = None) -> dict[str, list[Gauge]]:
    """How far each quota of each subscription is used, by the subscription's id.

    Shapes: subscriptions come with their plan_version. One query for each kind of window and what it counts, whatever
    their number.
    """
    now = now or timezone.now()
    gauges: dict[str, list[Gauge]] = {subscription.id: [] for subscription in subscriptions}
    windows: dict[tuple[str, datetime, str], list[tuple[Subscription, int]]] = defaultdict(list)
    for subscription in subscriptions:
        for quota in subscription.plan_version.quotas:
            start = start_of(quota["per"], now, subscription.plan_version.timezone)
            windows[quota["per"], start, unit_of(quota)].append((subscription, quota["requests"]))
    for per, start, unit in sorted(windows, key=lambda window: (*window[:2], QUOTA_UNITS.index(window[2]))):
        limited = windows[per, start, unit]
        rows = UsageRollup.objects.charged().filter(period=_period_from(per, start), at__gte=start)
        used = spent_by(rows, [subscription for subscription, _ in limited], unit)
        for subscription, limit in limited:
            resets_at = end_of(per, now, subscription.plan_version.timezone)
            gauges[subscription.id].append(Gauge(per, limit, used[subscription.id,], resets_at, unit))
    return gauges


def _period_from(per: str, start: datetime) -> str:
    """The longest roll-ups of which one begins with the window of a quota: the fewest rows that tell all of it.

    A month is read from hours at least: minutes are not kept for so long, and hours are exact in every zone that is
    whole hours off UTC.
    """
    at = start.astimezone(UTC)
    if per != "hour" and not at.hour and not at.minute:
        return "day"
    return "hour" if per == "month" or not at.minute else "minute"


def spent_by(
    rows: UsageRollupQuerySet, subscriptions: Iterable[Subscription], unit: str, *by: str
) -> Mapping[tuple[Any, ...], int]:
    """What rows counted of a unit, by the subscription's id and further columns; 0 for what is not there. One query."""
    weights = {each.id: each.plan_version.weights for each in subscriptions}
    rows = rows.filter(subscription_id__in=list(weights)).order_by()
    found: defaultdict[tuple[Any, ...], int] = defaultdict(int)
    if unit in {CALLS, BYTES}:
        amount = Sum("calls") if unit == CALLS else Sum(F("request_bytes") + F("response_bytes"))
        for *key, sum_ in rows.values_list("subscription_id", *by).annotate(amount=amount):
            found[tuple(key)] += int(sum_)
        return found
    for *key, operation, calls in rows.values_list("subscription_id", *by, "operation").annotate(Sum("calls")):
        found[tuple(key)] += calls * weight_of(weights[key[0]], operation)
    return found
