"""The days that rows of records fall into: parts of the table on PostgreSQL, made ahead and dropped whole.

A day is one of UTC. On SQLite days are only what rows are deleted by.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from apim.usage.models import UsageRecord

AHEAD: Final = 3
_TABLE: Final = "usage_usagerecord"
_OTHERS: Final = f"{_TABLE}_others"
_LOCK_MS: Final = 2_000  # whoever waits to lock the table holds up all who come after
_ROWS_A_TRANSACTION: Final = 5_000  # SQLite has one writer for everybody
_BOUNDS: Final = re.compile(r"FROM \((?P<since>.+?)\) TO \((?P<until>.+?)\)")
_PARTS: Final = """
SELECT part.relname, pg_get_expr(part.relpartbound, part.oid), GREATEST(part.reltuples, 0)::bigint
FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = to_regclass(%s) ORDER BY 1
"""


class Part(NamedTuple):
    """A part of the table. Shapes: [since, until), since None = from ever on; rows are an estimate."""

    name: str
    since: datetime | None
    until: datetime
    rows: int


def start_of_day(moment: datetime) -> datetime:
    """When its day began, in UTC."""
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def parts() -> list[Part]:
    """The parts of the table but the one for what falls into no other; none where it is not divided."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(_PARTS, [_TABLE])
        found = [(name, _BOUNDS.search(bounds), rows) for name, bounds, rows in cursor.fetchall()]
    return [
        Part(name, _moment(bounds["since"]), _moment(bounds["until"]) or datetime.max.replace(tzinfo=UTC), rows)
        for name, bounds, rows in found
        if bounds is not None
    ]


def prepare(*, ahead: int = AHEAD) -> list[str]:
    """Make the parts of today and of days to come that are missing; their names. Rows of theirs move into them."""
    if connection.vendor != "postgresql":
        return []
    today = start_of_day(timezone.now())
    there = parts()
    wanted = [today + timedelta(days=day) for day in range(ahead + 1)]
    missing = [day for day in wanted if not any(_holds(part, day) for part in there)]
    return [name for day in missing if (name := _make(day))]


def let_go(until: datetime) -> int:
    """Drop the days that ended by then, and delete older rows of what is left; about how many went."""
    gone = 0
    for part in parts():
        if part.until <= until and _drop(part.name):
            gone += part.rows
    while True:
        with transaction.atomic():
            ends = UsageRecord.objects.filter(at__lt=until).order_by("at").values_list("at", flat=True)
            last = ends[_ROWS_A_TRANSACTION : _ROWS_A_TRANSACTION + 1].first()
            if last is None:
                return gone + int(UsageRecord.objects.filter(at__lt=until).delete()[0])
            # Those of one moment go together, however many they are.
            gone += int(UsageRecord.objects.filter(at__lte=last).delete()[0])


def _holds(part: Part, day: datetime) -> bool:
    return (part.since is None or part.since <= day) and day < part.until


def _make(day: datetime) -> str:
    """The name of the day's part; "" when the table was in use for too long, or somebody else made it."""
    name, until = f"{_TABLE}_{day:%Y%m%d}", day + timedelta(days=1)
    bounds = f"FROM ('{day.isoformat()}') TO ('{until.isoformat()}')"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {_LOCK_MS}")
            # What came for the day before it was prepared: nobody may add to it now.
            cursor.execute(f"LOCK TABLE {_OTHERS} IN ACCESS EXCLUSIVE MODE")
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
            if cursor.fetchone()[0]:
                return ""
            cursor.execute(f"CREATE TABLE {name} (LIKE {_TABLE} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
            cursor.execute(
                f"WITH gone AS (DELETE FROM {_OTHERS} WHERE at >= %s AND at < %s RETURNING *)"  # noqa: S608 - names of ours
                f" INSERT INTO {name} SELECT * FROM gone",
                [day, until],
            )
            cursor.execute(f"ALTER TABLE {_TABLE} ATTACH PARTITION {name} FOR VALUES {bounds}")
            cursor.execute("SET LOCAL lock_timeout = 0")
    except OperationalError:
        return ""
    return name


def _drop(name: str) -> bool:
    """False when the table was in use for too long: the next hour tries again."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {_LOCK_MS}")
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}")
            cursor.execute("SET LOCAL lock_timeout = 0")
    except OperationalError:
        return False
    return True


def _moment(bound: str) -> datetime | None:
    return None if bound == "MINVALUE" else datetime.fromisoformat(bound.strip("'")).astimezone(UTC)
