"""P10's traffic: the calls of two months as roll-ups, copied into the database.

Shapes: a call is counted in days for DAYS, in hours for HOUR_DAYS, in minutes for MINUTE_HOURS, which is what the
presets of pages and the stretches before them read; each finer roll-up adds up to the coarser one.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from apim.usage.bands import in_bands
from apim.usage.histogram import bucket_of
from apim.usage.models import LatencyRollup, UsageRecord, UsageRollup
from benchmarks.pages_copying import copy, copy_text, without_indexes

DAYS, HOUR_DAYS, MINUTE_HOURS = 60, 15, 13
PATTERNS = 3
MINUTE, HOUR, DAY = timedelta(minutes=1), 60, 1440  # the latter as minutes of a day
_PERIODS = {1: "minute", HOUR: "hour", DAY: "day"}
_THE_DAY = "@"  # nothing else in a row has one
OPERATIONS = tuple(f"{method} /{thing}" for thing in ("accounts", "accounts/{id}", "payments", "cards", "reports")
                   for method in ("GET", "POST"))  # fmt: skip
_ENDS = ((200, ""), (404, ""), (429, "rate-limited"), (500, ""), (502, "upstream-unreachable"))
_SHARES = (0.955, 0.02, 0.012, 0.008, 0.005)
_SMALL = 10
_SPREAD = ((0.6, 0.3), (1.6, 0.2), (4.0, 0.1))  # of the typical time, for how many; the rest takes it

Sums = dict[tuple[Any, ...], int]
Model = type[UsageRollup] | type[LatencyRollup]
_MODELS: tuple[Model, ...] = (UsageRollup, LatencyRollup)


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
    """The roll-ups of every day in the order of time: days repeat after PATTERNS, which makes text of each but once."""
    now = timezone.now().astimezone(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    patterns = [_pattern(ways, number, chance) for number in range(PATTERNS)]
    for place, model in enumerate(_MODELS):
        names = [*model.DIMENSIONS, *model.SUMS]
        whole = [_text(pattern[place], environment, model, DAY) for pattern in patterns]
        hours = [_text(pattern[place], environment, model, HOUR) for pattern in patterns]
        with without_indexes(model):
            for back in range(DAYS - 1, -1, -1):
                day = midnight - timedelta(days=back)
                text = whole[back % PATTERNS] + (hours[back % PATTERNS] if back < HOUR_DAYS else "")
                if day + timedelta(days=1) > now - timedelta(hours=MINUTE_HOURS):
                    text = _text_until(patterns[back % PATTERNS][place], environment, model, day=day, now=now)
                copy_text(model, names, text.replace(_THE_DAY, f"{day:%Y-%m-%d}"))


def _pattern(ways: Sequence[Way], number: int, chance: random.Random) -> tuple[Sums, Sums]:
    """Calls and latencies of a day by its minute and further dimensions."""
    calls: Sums = defaultdict(int)
    latencies: Sums = defaultdict(int)
    for way in ways:
        if way.calls < _SMALL and chance.random() < 0.5:  # noqa: PLR2004 - the small ones do not come every day
            continue
        share, rest = divmod(way.calls, len(way.hours))
        for place, hour in enumerate(way.hours):
            minute = hour * 60 + (hour * 7 + place) % 60
            _count(way, minute, share + (rest if place == 0 else 0), number=number, calls=calls, latencies=latencies)
    return calls, latencies


def _count(way: Way, minute: int, amount: int, *, number: int, calls: Sums, latencies: Sums) -> None:
    share, rest = divmod(amount, len(way.operations))
    for place, operation in enumerate(way.operations):
        count = share + (rest if place == 0 else 0)
        left = count
        for (status, code), part in zip(_ENDS[1:], _SHARES[1:], strict=True):
            odd = (way.calls * 31 + number * 17 + minute // 60 * 7 + status + place * 13) % 100  # as good as chance
            some = min(int(count * part + odd / 100), left)
            if some:
                calls[minute, way.version, operation, way.application, way.subscription, status, code] += some
                left -= some
        if left:
            calls[minute, way.version, operation, way.application, way.subscription, 200, ""] += left
        for factor, some in [(factor, int(count * part)) for factor, part in _SPREAD]:
            if some:
                bucket = bucket_of(int(way.typical_us * factor))
                latencies[minute, way.version, operation, way.application, bucket] += some
                count -= some
        if count:
            latencies[minute, way.version, operation, way.application, bucket_of(way.typical_us)] += count


def _text_until(sums: Sums, environment: str, model: Model, *, day: datetime, now: datetime) -> str:
    """The rows of a day that may not be over, minutes included."""
    past = {key: count for key, count in sums.items() if day + key[0] * MINUTE <= now}
    since = now - timedelta(hours=MINUTE_HOURS)
    recent = {key: count for key, count in past.items() if day + key[0] * MINUTE > since}
    return "".join(_text(past, environment, model, step) for step in (DAY, HOUR)) + _text(recent, environment, model, 1)


def _text(sums: Sums, environment: str, model: Model, step: int) -> str:
    """The rows of a period of so many minutes, a line each as COPY reads them; _THE_DAY stands for the day."""
    steps = (((minute // step * step, *rest), count) for (minute, *rest), count in sums.items())
    if model is LatencyRollup:
        rows = in_bands(steps)
    else:
        rows = {}
        for key, count in steps:
            row = rows.setdefault(key, [0, 0, 0])
            rows[key] = [row[0] + count, *(each + count * 700 for each in row[1:])]
    period, lines = _PERIODS[step], []
    for (minute, *rest), amounts in sorted(rows.items()):
        at = f"{_THE_DAY} {minute // 60:02}:{minute % 60:02}:00"
        lines.append("\t".join(map(str, (period, at, environment, *rest, *amounts))) + "\n")
    return "".join(lines)


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
