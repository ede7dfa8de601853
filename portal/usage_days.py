"""What an application called, day by day and operation by operation."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from apim.usage import reports

if TYPE_CHECKING:
    from apim.access.models import Application

RANGES = {"7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
DEFAULT_RANGE = "30d"
_NAMED = 5  # operations with a column of their own


@dataclass(frozen=True, slots=True)
class Day:
    """The calls of one day in UTC. Shapes: named are (operation, calls) of those with a column, in its order."""

    at: datetime
    calls: int
    refused: int
    failed: int
    named: tuple[tuple[str, int], ...]

    @property
    def others(self) -> int:
        """The calls of all other operations."""
        return self.calls - sum(calls for _, calls in self.named)


@dataclass(frozen=True, slots=True)
class Days:
    """The days with calls, the newest first. Shapes: operations are those with a column, the most called first."""

    range_name: str
    operations: tuple[str, ...]
    days: tuple[Day, ...]
    has_others: bool


def rows_of(application: Application, range_name: str) -> list[reports.DayUsage]:
    """The calls of each day and operation; an unknown range's name means the default."""
    length = RANGES.get(range_name, RANGES[DEFAULT_RANGE])
    return reports.days(reports.Scope(application_ids=[application.id]), reports.last(length))


def days_of(application: Application, range_name: str) -> Days:
    """The same as a table: a day a row, the most called operations as columns."""
    rows = rows_of(application, range_name)
    totals = Counter[str]()
    by_day: dict[datetime, list[reports.DayUsage]] = {}
    for row in rows:
        totals[row.operation] += row.calls
        by_day.setdefault(row.day, []).append(row)
    operations = tuple(name for name, _ in totals.most_common(_NAMED))
    return Days(
        range_name if range_name in RANGES else DEFAULT_RANGE,
        operations,
        tuple(_day(at, each, operations) for at, each in by_day.items()),
        has_others=len(totals) > len(operations),
    )


def _day(at: datetime, rows: list[reports.DayUsage], operations: tuple[str, ...]) -> Day:
    calls = {row.operation: row.calls for row in rows}
    return Day(
        at,
        sum(calls.values()),
        sum(row.refused for row in rows),
        sum(row.failed for row in rows),
        tuple((name, calls.get(name, 0)) for name in operations),
    )
