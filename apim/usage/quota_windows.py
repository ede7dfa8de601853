"""Windows of quotas as gateways open them: of the calendar, or counted from a subscription's own beginning."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q

from apim.access.models import Subscription
from apim.products.limits import interval_of, is_anchored
from apim.usage.periods import end_of, start_of
from gateway_sync.runtime.core.windows import anchored_window

_MINUTE = timedelta(minutes=1)


def window_of(subscription: Subscription, quota: Mapping[str, Any], at: datetime) -> tuple[datetime, datetime]:
    """(start, end) of the window of a quota that holds a moment. Shapes: a subscription with its plan_version."""
    version = subscription.plan_version
    if not is_anchored(quota):
        return start_of(quota["per"], at, version.timezone), end_of(quota["per"], at, version.timezone)
    anchor = subscription.billing_anchor or subscription.created_at
    interval = interval_of(quota, version.pricing)
    start, end = anchored_window(interval, int(anchor.timestamp()), int(at.timestamp()))
    return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)


def windows_before(
    subscription: Subscription, quota: Mapping[str, Any], now: datetime, most: int
) -> list[tuple[datetime, datetime]]:
    """The windows that are over and in which there was the subscription, the newest first."""
    found: list[tuple[datetime, datetime]] = []
    start, _ = window_of(subscription, quota, now)
    while len(found) < most:
        window = window_of(subscription, quota, start - timedelta(seconds=1))
        if window[1] <= subscription.created_at:
            break
        found.append(window)
        start = window[0]
    return found


def sums_since(start: datetime) -> Q:
    """The roll-ups that tell all since a full hour: whole days as days, what is before the first as hours."""
    first_day = start_of("day", start + timedelta(days=1) - _MINUTE)
    days = Q(period="day", at__gte=first_day)
    return days if first_day == start else days | Q(period="hour", at__gte=start, at__lt=first_day)
