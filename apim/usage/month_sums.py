"""What applications called in a month: counted while usage is taken in, or made anew of the sums by caller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Max, Min, Sum

from apim.usage.application_months import ApplicationMonth
from apim.usage.periods import end_of, start_of
from apim.usage.upserts import add_up
from apim.usage.version_rollups import CallerRollup

TABLE: Final = "usage_applicationmonth"
_FORGET: Final = f"DELETE FROM {TABLE}"  # noqa: S608 - of a name alone
# Days tell how much. The finest rows that are kept of a day tell when its last call was.
_ADD_DAY: Final = f"""
INSERT INTO {TABLE} (at, environment_id, application_id, calls, days, last_at)
SELECT %s, environment_id, application_id, SUM(CASE WHEN period = 'day' THEN calls ELSE 0 END), %s, MAX(at)
FROM usage_callerrollup
WHERE calls > 0 AND ((period = 'day' AND at = %s) OR (period = 'hour' AND at >= %s AND at < %s)
    OR (period = 'minute' AND at >= %s AND at < %s))
GROUP BY environment_id, application_id HAVING SUM(CASE WHEN period = 'day' THEN calls ELSE 0 END) > 0
ON CONFLICT (at, environment_id, application_id) DO UPDATE SET calls = {TABLE}.calls + excluded.calls,
    days = {TABLE}.days | excluded.days, last_at = excluded.last_at
"""  # noqa: S608 - of a name alone

Months = dict[tuple[Any, ...], tuple[int, int, datetime]]


def by_month(environment_id: str, callers: Mapping[tuple[Any, ...], Sequence[int]]) -> Months:
    """The values of ApplicationMonth by its dimensions. What had no calls, only lost ones, is left out.

    Shapes: callers maps (minute since the epoch, version, application) to sums of CallerRollup.
    """
    months: Months = {}
    minutes: dict[int, tuple[datetime, int, datetime]] = {}
    for (minute, _, application_id), (calls, *_) in callers.items():
        if not calls:
            continue
        told = minutes.get(minute)
        if told is None:
            at = datetime.fromtimestamp(minute * 60, UTC)
            told = minutes[minute] = start_of("month", at), bit_of(at), at
        month, bit, at = told
        key = month, environment_id, application_id
        before, days, last_at = months.get(key, (0, 0, at))
        months[key] = before + calls, days | bit, max(last_at, at)
    return months


def add_months(months: Months) -> None:
    """Add to what is stored."""
    sums = ApplicationMonth.SUMS
    add_up(ApplicationMonth, ApplicationMonth.DIMENSIONS, sums, months, bits=("days",), latest=("last_at",))


def bit_of(day: datetime) -> int:
    """The bit of ApplicationMonth.days."""
    return 1 << (day.day - 1)


def sum_up_months(cursor: CursorWrapper) -> None:
    """All of them anew, of the sums by caller. Shapes: the caller locks the table."""
    cursor.execute(_FORGET)
    adapt = connection.ops.adapt_datetimefield_value
    for day in _days_with_calls():
        month, since, until = (adapt(each) for each in (start_of("month", day), day, end_of("day", day)))
        cursor.execute(_ADD_DAY, [month, bit_of(day), since, since, until, since, until])


def sum_up_month_of(environment_id: str, application_id: str, month: datetime) -> None:
    """One of them anew: after sums by caller were taken out."""
    until = end_of("month", month)
    rows = CallerRollup.objects.filter(
        environment_id=environment_id, application_id=application_id, at__gte=month, at__lt=until, calls__gt=0
    )
    days = dict(rows.filter(period="day").values_list("at").annotate(Sum("calls")))
    told = ApplicationMonth.objects.filter(at=month, environment_id=environment_id, application_id=application_id)
    if days:
        last = rows.aggregate(last=Max("at"))["last"]
        told.update(calls=sum(days.values()), days=sum(map(bit_of, days)), last_at=last)
    else:
        told.delete()


def _days_with_calls() -> Iterator[datetime]:
    ends = CallerRollup.objects.filter(period="day").aggregate(first=Min("at"), last=Max("at"))
    day, last = ends["first"], ends["last"]
    while day is not None and day <= last:
        yield day
        day += timedelta(days=1)
