"""Gauges: how much of each quota of a subscription is used, in what the quota counts.

Calls, bytes of bodies, and units, of which operations cost what the plan says; all summed from roll-ups, so that page,
mail and webhook say the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from django.db.models import F, Q, Sum
from django.utils import timezone

from apim.access.models import Subscription
from apim.products.limits import BYTES, CALLS, QUOTA_PERIODS, QUOTA_UNITS, is_anchored, unit_of
from apim.usage.models import UsageRollupQuerySet
from apim.usage.quota_sums import spent_alike
from apim.usage.quota_windows import sums_since, window_of
from gateway_sync.policies.patterns import weight_of

_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much of a quota is used. Shapes: is_anchored = its window is the subscription's own, not the calendar's."""

    per: str
    limit: int
    used: int
    resets_at: datetime
    unit: str = CALLS
    is_anchored: bool = False

    @property
    def percent(self) -> int:
        """The used share, at most 100."""
        return min(100, self.used * 100 // self.limit) if self.limit else 100


def quota_gauges(subscriptions: Collection[Subscription], now: datetime | None = None) -> dict[str, list[Gauge]]:
    """How far each quota of each subscription is used, by the subscription's id.

    Shapes: subscriptions come with their plan_version. Two queries for each kind of window and what it counts, whatever
    their number; of windows that are the subscriptions' own two for each unit and _AT_ONCE of them.
    """
    now = now or timezone.now()
    gauges: dict[str, list[Gauge]] = {subscription.id: [] for subscription in subscriptions}
    of_calendar: dict[tuple[str, datetime, str], list[_Limited]] = defaultdict(list)
    anchored: dict[tuple[str, str], list[_Limited]] = defaultdict(list)
    for subscription in subscriptions:
        for quota in subscription.plan_version.quotas:
            window = window_of(subscription, quota, now)
            limited = _Limited(subscription, quota, *window)
            if is_anchored(quota):
                anchored[quota["per"], unit_of(quota)].append(limited)
            else:
                of_calendar[quota["per"], window[0], unit_of(quota)].append(limited)
    for per, start, unit in sorted(of_calendar, key=lambda window: (*window[:2], QUOTA_UNITS.index(window[2]))):
        found = of_calendar[per, start, unit]
        since = Q(period=_period_from(per, start), at__gte=start)
        _fill(gauges, found, spent_alike(since, {each.subscription: each.quota for each in found}), per, unit)
    for per, unit in sorted(anchored, key=lambda kind: (QUOTA_PERIODS.index(kind[0]), QUOTA_UNITS.index(kind[1]))):
        for start_at in range(0, len(anchored[per, unit]), _AT_ONCE):
            found = anchored[per, unit][start_at : start_at + _AT_ONCE]
            _fill(gauges, found, _spent_since(found), per, unit, is_anchored=True)
    return gauges


class _Limited(NamedTuple):
    """A subscription with one of its quotas, and the window that is open."""

    subscription: Subscription
    quota: Mapping[str, Any]
    start: datetime
    end: datetime


def _fill(  # noqa: PLR0917 - what gauges are made of
    gauges: Mapping[str, list[Gauge]],
    found: Iterable[_Limited],
    used: Mapping[str, int],
    per: str,
    unit: str,
    *,
    is_anchored: bool = False,
) -> None:
    for each in found:
        limit, amount = each.quota["requests"], used[each.subscription.id]
        gauges[each.subscription.id].append(Gauge(per, limit, amount, each.end, unit, is_anchored))


def _spent_since(found: Sequence[_Limited]) -> Mapping[str, int]:
    """What each used since its own window began."""
    by_start: dict[datetime, list[str]] = defaultdict(list)
    for each in found:
        by_start[each.start].append(each.subscription.id)
    met = Q(pk__in=())
    for start, ids in by_start.items():
        met |= Q(subscription_id__in=ids) & sums_since(start)
    return spent_alike(met, {each.subscription: each.quota for each in found})


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
