"""Billing periods. Source: docs.stripe.com/billing/subscriptions/billing-cycle.

A period ends on the anchor's day of the month, or on the month's last day when it has no such day.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

_SECONDS = {"day": 86400, "week": 7 * 86400}
_MONTHS = {"month": 1, "year": 12}


def boundary(anchor: int, interval: str, count: int, number: int) -> int:
    """The moment `number` intervals after the anchor (before it, when negative)."""
    start = datetime.fromtimestamp(anchor, UTC)
    if interval in _SECONDS:
        return int((start + timedelta(seconds=_SECONDS[interval] * count * number)).timestamp())
    month = start.year * 12 + start.month - 1 + _MONTHS[interval] * count * number
    year, index = divmod(month, 12)
    day = min(start.day, calendar.monthrange(year, index + 1)[1])
    return int(start.replace(year=year, month=index + 1, day=day).timestamp())


def period_at(anchor: int, interval: str, count: int, moment: int) -> tuple[int, int]:
    """The period that holds the moment: start <= moment < end."""
    shortest = {"day": 86400, "week": 7 * 86400, "month": 28 * 86400, "year": 365 * 86400}[interval] * count
    longest = {"day": 86400, "week": 7 * 86400, "month": 31 * 86400, "year": 366 * 86400}[interval] * count
    away = moment - anchor
    number = away // longest if away >= 0 else away // shortest - 1
    while boundary(anchor, interval, count, number + 1) <= moment:
        number += 1
    return boundary(anchor, interval, count, number), boundary(anchor, interval, count, number + 1)
