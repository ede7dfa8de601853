"""Calendar windows of quotas: the hour, day or month of a time zone that holds an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

PERIODS: Final = ("hour", "day", "month")


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


def _instant(local: datetime) -> int:
    return int(local.astimezone(UTC).timestamp())
