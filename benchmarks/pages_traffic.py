"""P10's traffic: the calls of two months as roll-ups, copied into the database.

Shapes: a call is counted in days for DAYS, in hours for HOUR_DAYS, in minutes for MINUTE_HOURS, which is what the
presets of pages and the stretches before them read; each finer roll-up adds up to the coarser one.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection, models
from django.utils import timezone

from apim.usage.histogram import bucket_of
from apim.usage.models import LatencyRollup, UsageRecord, UsageRollup

DAYS, HOUR_DAYS, MINUTE_HOURS = 60, 15, 13
OPERATIONS = tuple(f"{method} /{thing}" for thing in ("accounts", "accounts/{id}", "payments", "cards", "reports")
                   for method in ("GET", "POST"))  # fmt: skip
_ENDS = ((200, ""), (404, ""), (429, "rate-limited"), (500, ""), (502, "upstream-unreachable"))
_SHARES = (0.955, 0.02, 0.012, 0.008, 0.005)
_SMALL = 10
_CHUNK = 20_000
_SPREAD = ((0.6, 0.3), (1.6, 0.2), (4.0, 0.1))  # of the typical time, for how many; the rest takes it

Sums = dict[tuple[Any, ...], int]


@dataclass(slots=True)
class Way:
    """An application that calls a version: how many calls a day, of which operations, how fast."""

    version: str
    application: str
    subscription: str
    calls: int
    operations: Sequence[str]
    hours: Sequence[int]
    typical_us: int


def insert_traffic(ways: Sequence[Way], environment: str, chance: random.Random) -> None:
    """The roll-ups of every day, one day at a time."""
    now = timezone.now().astimezone(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(DAYS - 1, -1, -1):
        day = midnight - timedelta(days=back)
        calls: Sums = defaultdict(int)
        latencies: Sums = defaultdict(int)
        for way in ways:
            if way.calls < _SMALL and chance.random() < 0.5:  # noqa: PLR2004 - the small ones do not come every day
                continue
            for at, amount in _hours(way, day, now, is_by_hour=back < HOUR_DAYS):
                _count(way, at, amount, calls=calls, latencies=latencies)
        _store(calls, latencies, environment=environment, day=day, now=now, is_by_hour=back < HOUR_DAYS)


def _hours(way: Way, day: datetime, now: datetime, *, is_by_hour: bool) -> Iterator[tuple[datetime, int]]:
    """When of a day the calls come, and how many at a time; the day as a whole where hours are not kept."""
    if not is_by_hour:
        yield day, way.calls
        return
    share, rest = divmod(way.calls, len(way.hours))
    for place, hour in enumerate(way.hours):
        at = day + timedelta(hours=hour, minutes=(hour * 7 + place) % 60)
        if at <= now:
            yield at, share + (rest if place == 0 else 0)


def _count(way: Way, at: datetime, amount: int, *, calls: Sums, latencies: Sums) -> None:
    share, rest = divmod(amount, len(way.operations))
    for place, operation in enumerate(way.operations):
        count = share + (rest if place == 0 else 0)
        left = count
        for (status, code), part in zip(_ENDS[1:], _SHARES[1:], strict=True):
            odd = (way.calls * 31 + at.day * 17 + at.hour * 7 + status + place * 13) % 100  # as good as chance
            some = min(int(count * part + odd / 100), left)
            if some:
                calls[at, way.version, operation, way.application, way.subscription, status, code] += some
                left -= some
        if left:
            calls[at, way.version, operation, way.application, way.subscription, 200, ""] += left
        for factor, some in [(factor, int(count * part)) for factor, part in _SPREAD]:
            if some:
                latencies[at, way.version, operation, way.application, bucket_of(int(way.typical_us * factor))] += some
                count -= some
        if count:
            latencies[at, way.version, operation, way.application, bucket_of(way.typical_us)] += count


def _store(calls: Sums, latencies: Sums, *, environment: str, day: datetime, now: datetime, is_by_hour: bool) -> None:
    """The roll-ups of a day, each period summed of the finest."""
    for model, sums in ((UsageRollup, calls), (LatencyRollup, latencies)):
        rows: Sums = defaultdict(int)
        for (at, *rest), count in sums.items():
            rows["day", day, environment, *rest] += count
            if is_by_hour:
                rows["hour", at.replace(minute=0), environment, *rest] += count
                if at > now - timedelta(hours=MINUTE_HOURS):
                    rows["minute", at, environment, *rest] += count
        names = [*model.DIMENSIONS, *model.SUMS]
        extra = len(model.SUMS) - 1
        copy(model, names, ((*key, count, *(count * 700,) * extra) for key, count in sorted(rows.items())))


def insert_records(ways: Sequence[Way], environment: str, number: int, chance: random.Random) -> None:
    """Single calls of the last days, as logs and samples show them."""
    now = timezone.now()
    names = [field.attname for field in UsageRecord._meta.concrete_fields if not field.primary_key]  # noqa: SLF001
    weights = [way.calls for way in ways]
    rows = []
    for seq, way in enumerate(chance.choices(ways, weights, k=number)):
        status, code = chance.choices(_ENDS, _SHARES)[0]
        rows.append({
            "gateway_id": "gtw_1", "boot": "benchmark", "seq": seq, "request_id": f"request-{seq}",
            "client_request_id": "", "at": now - timedelta(seconds=seq * 12), "environment_id": environment,
            "version_id": way.version, "operation": way.operations[0], "path": "/", "organization_id": "",
            "application_id": way.application, "credential_id": "", "subscription_id": way.subscription,
            "plan_version_id": "", "status": status, "code": code, "is_indeterminate": False,
            "duration_us": way.typical_us, "upstream_us": 100, "request_bytes": 1, "response_bytes": 700,
        })  # fmt: skip
    copy(UsageRecord, names, (tuple(row[name] for name in names) for row in rows))


def copy(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Many rows at once: by COPY where there is one."""
    table = connection.ops.quote_name(model._meta.db_table)  # noqa: SLF001 - public by custom
    columns = ", ".join(connection.ops.quote_name(name) for name in names)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copied:
                for row in rows:
                    copied.write_row(row)
            return
        places = ", ".join(["%s"] * len(names))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - names of models
        adapt = connection.ops.adapt_datetimefield_value
        adapted = ([adapt(each) if isinstance(each, datetime) else each for each in row] for row in rows)
        while chunk := list(islice(adapted, _CHUNK)):
            cursor.executemany(statement, chunk)
