"""Periods of time as calendars count them: the start of a minute, hour, day or month, in any time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

PERIODS = ("minute", "hour", "day")


def start_of(period: str, at: datetime, timezone: str = "UTC") -> datetime:
    """The moment at which the minute, hour, day or month around `at` began."""
    local = at.astimezone(ZoneInfo(timezone))
    floor = local.replace(second=0, microsecond=0)
    if period != "minute":
        floor = floor.replace(minute=0)
    if period in {"day", "month"}:
        floor = floor.replace(hour=0)
    return floor.replace(day=1) if period == "month" else floor


def end_of(period: str, at: datetime, timezone: str = "UTC") -> datetime:
    """The moment at which the next such period begins."""
    start = start_of(period, at, timezone)
    if period == "month":
        return (start + timedelta(days=32)).replace(day=1)
    if period == "day":
        return start + timedelta(days=1)  # wall time: the day of a clock change has 23 or 25 hours
    return start.astimezone(UTC) + (timedelta(hours=1) if period == "hour" else timedelta(minutes=1))


def last_whole(interval: str, at: datetime) -> tuple[datetime, datetime]:
    """The beginning and the end of the last whole day, week, month or year before `at`, in UTC."""
    today = start_of("day", at)
    match interval:
        case "day":
            end, start = today, today - timedelta(days=1)
        case "week":
            end = today - timedelta(days=today.weekday())
            start = end - timedelta(days=7)
        case "year":
            end = today.replace(month=1, day=1)
            start = end.replace(year=end.year - 1)
        case _:
            end = start_of("month", at)
            start = start_of("month", end - timedelta(days=1))
    return start, end
