"""Windows of quotas: the hour, day or month of a time zone that holds an instant, and periods of billing."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

PERIODS: Final = ("hour", "day", "month")
BILLING_PERIOD: Final = "period"  # told as such in quotas; its length is the plan's interval

_DAYS: Final = {"day": 1, "week": 7}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}
_LONG: Final = frozenset({"quarter", "year"})


def window_of(per: str, zone: ZoneInfo, now_s: int) -> tuple[int, int]:
    """(start, end) in seconds since the epoch; the true length, so a day of a clock change has 23 or 25 hours.

    Shapes: an hour is 3600 s counted from the instant that the zone calls a full hour.
    """
    if per == "hour":
        offset = datetime.fromtimestamp(now_s, zone).utcoffset() or timedelta()
        shift = int(offset.total_seconds()) % 3600
        start = (now_s + shift) // 3600 * 3600 - shift
        return start, start + 3600
    local = datetime.fromtimestamp(now_s, zone)
    first = datetime(local.year, local.month, local.day if per == "day" else 1, tzinfo=zone)
    if per == "day":
        day_after = first.date() + timedelta(days=1)
        end = datetime(day_after.year, day_after.month, day_after.day, tzinfo=zone)
    else:
        years, month = divmod(first.month, 12)
        end = datetime(first.year + years, month + 1, 1, tzinfo=zone)
    return _instant(first), _instant(end)


def billing_window(interval: str, anchor_s: int, now_s: int) -> tuple[int, int]:
    """(start, end) of the billing period that holds an instant, counted from the anchor.

    Shapes: interval is day, week, month, quarter or year; an anchor on day 29 to 31 falls on a shorter month's last
    day, and comes back to its own day after it. Periods are counted in UTC, as payment providers do.
    Errors: total; an instant before the anchor lies in a period before it; another interval counts as month.
    """
    if interval in _DAYS:
        length = _DAYS[interval] * 86_400
        start = anchor_s + (now_s - anchor_s) // length * length
        return start, start + length
    step = _MONTHS.get(interval, 1)
    anchor, now = datetime.fromtimestamp(anchor_s, UTC), datetime.fromtimestamp(now_s, UTC)
    number = ((now.year - anchor.year) * 12 + now.month - anchor.month) // step
    while _months_after(anchor, number * step) > now_s:
        number -= 1
    while _months_after(anchor, (number + 1) * step) <= now_s:
        number += 1
    return _months_after(anchor, number * step), _months_after(anchor, (number + 1) * step)


def anchored_window(interval: str, anchor_s: int, now_s: int) -> tuple[int, int]:
    """(start, end) of the window that holds an instant, counted from the full hour of the anchor.

    Shapes: as of billing_window; a quarter or a year is counted from the anchor's day in UTC. So usage that is summed
    by hours, and after months by days, tells the same windows.
    """
    step = 86_400 if interval in _LONG else 3_600
    return billing_window(interval, anchor_s // step * step, now_s)


def _months_after(anchor: datetime, months: int) -> int:
    """The anchor's day and time of day so many months later, or that month's last day."""
    years, month = divmod(anchor.month - 1 + months, 12)
    year = anchor.year + years
    day = min(anchor.day, monthrange(year, month + 1)[1])
    return int(anchor.replace(year=year, month=month + 1, day=day).timestamp())


def _instant(local: datetime) -> int:
    return int(local.astimezone(UTC).timestamp())
