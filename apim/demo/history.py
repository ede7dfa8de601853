"""The made history: fourteen days of roll-ups before the first real call, so that no chart is empty at first look.

Made backwards in steps of a few hours, each in a transaction of its own with the note of how far it came: a worker that
is killed leaves nothing out and adds nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from apim.access.models import Application, Subscription
from apim.catalog.models import APIVersion
from apim.demo.customers import versions_called
from apim.demo.models import Demo, DemoRefusal
from apim.demo.shape import PARTNER, Told, history_of, minutes_between
from apim.usage.bands import in_bands
from apim.usage.histogram import bucket_of
from apim.usage.models import CallerRollup, LatencyRollup, UsageRollup, VersionLatency, VersionRollup
from apim.usage.month_sums import add_months, by_month
from apim.usage.periods import PERIODS, start_of
from apim.usage.services import KEEP_ROLLUPS
from apim.usage.summaries import end_of
from apim.usage.upserts import add_up

LENGTH = timedelta(days=14)
STEP = timedelta(hours=6)
_REQUEST_BYTES = {"POST": 90}
_REFUSED_BYTES = 210

Sums = dict[tuple[Any, ...], list[int]]


@dataclass(frozen=True, slots=True)
class _Callers:
    """Whose calls they were: ids by the names that the shape knows."""

    environment_id: str
    versions: dict[str, APIVersion]
    applications: dict[str, str]
    subscriptions: dict[tuple[str, str], str]  # (application id, version id)


def is_complete(demo: Demo) -> bool:
    """True when nothing of the history is missing."""
    return demo.backfilled_from is not None and demo.backfilled_from <= demo.backfill_until - LENGTH


def percent_made(demo: Demo) -> int:
    """How much of the history is there."""
    if demo.backfilled_from is None:
        return 0
    return min(100, round((demo.backfill_until - demo.backfilled_from) / LENGTH * 100))


@transaction.atomic
def make_step() -> bool:
    """True when a step of the history was made; False when nothing is missing, or nobody wants it."""
    demo = Demo.objects.select_for_update().first()
    if demo is None or not demo.is_on or is_complete(demo):
        return False
    until = demo.backfilled_from or demo.backfill_until
    since = max(until - STEP, demo.backfill_until - LENGTH)
    _write(_callers(demo), since, until, minutes_from=demo.backfill_until - KEEP_ROLLUPS["minute"] + STEP)
    Demo.objects.update(backfilled_from=since)
    return True


def _callers(demo: Demo) -> _Callers:
    rows = Application.objects.filter(id__in=demo.made["application"])
    subscriptions = Subscription.objects.filter(id__in=demo.made["subscription"]).values_list(
        "applications", "product__items__version", "id"
    )
    return _Callers(
        demo.environment_id,
        versions_called(),
        {row.name: row.id for row in rows},
        {(application, version): identifier for application, version, identifier in subscriptions},
    )


def _write(callers: _Callers, since: datetime, until: datetime, *, minutes_from: datetime) -> None:
    calls: Sums = {}
    latencies: Sums = {}
    refused: dict[datetime, int] = {}
    for minute in minutes_between(since, until):
        periods = [(period, start_of(period, minute)) for period in PERIODS if period != "minute"]
        if minute >= minutes_from:
            periods.append(("minute", minute))
        for told in history_of(minute):
            _add(calls, _call_keys(callers, periods, told), _amounts(told))
            if told.action.application == PARTNER:
                refused[minute] = refused.get(minute, 0) + 1
            else:
                _add(latencies, _latency_keys(callers, periods, told), (1,))
    add_up(UsageRollup, UsageRollup.DIMENSIONS, UsageRollup.SUMS, calls)
    of_operations = in_bands((key, count) for key, (count,) in latencies.items())
    add_up(LatencyRollup, LatencyRollup.DIMENSIONS, LatencyRollup.SUMS, of_operations)
    of_callers = _calls_by_caller(calls)
    add_up(CallerRollup, CallerRollup.DIMENSIONS, CallerRollup.SUMS, of_callers)
    hours = {(int(at.timestamp()) // 60, version, application): sums
             for (period, at, _, version, application), sums in of_callers.items() if period == "hour"}  # fmt: skip
    add_months(by_month(callers.environment_id, hours))
    add_up(VersionRollup, VersionRollup.DIMENSIONS, VersionRollup.SUMS, _calls_by_version(calls))
    of_versions = in_bands(_latencies_by_version(latencies))
    add_up(VersionLatency, VersionLatency.DIMENSIONS, VersionLatency.SUMS, of_versions)
    add_up(DemoRefusal, ("at",), ("calls",), {(minute,): (count,) for minute, count in refused.items()})


def _call_keys(callers: _Callers, periods: Iterable[tuple[str, datetime]], told: Told) -> Iterable[tuple[Any, ...]]:
    """Rows as gateways make them: a caller with a revoked key has no identity."""
    action, version = told.action, callers.versions[told.action.api].id
    is_known = action.application != PARTNER
    application = callers.applications[action.application] if is_known else ""
    subscription = callers.subscriptions.get((application, version), "")
    for period, at in periods:
        yield (
            period, at, callers.environment_id, version, action.operation, application, subscription, told.status,
            told.code,
        )  # fmt: skip


def _latency_keys(callers: _Callers, periods: Iterable[tuple[str, datetime]], told: Told) -> Iterable[tuple[Any, ...]]:
    action, version = told.action, callers.versions[told.action.api].id
    application = callers.applications[action.application]
    for period, at in periods:
        yield (period, at, callers.environment_id, version, action.operation, application, bucket_of(told.duration_us))


def _calls_by_version(calls: Sums) -> Sums:
    """Shapes: of (period, at, environment, version, operation, application, subscription, status, code)."""
    sums: Sums = {}
    for (period, at, environment, version, *_, status, code), (count, *sizes) in calls.items():
        keys = [(period, at, environment, each) for each in (version, VersionRollup.EVERY)]
        _add(sums, keys, (*_by_end(status, code, count), *sizes))
    return sums


def _calls_by_caller(calls: Sums) -> Sums:
    """Shapes: of the same."""
    sums: Sums = {}
    for (period, at, environment, version, _, application, _, status, code), (count, _, _) in calls.items():
        _add(sums, [(period, at, environment, version, application)], _by_end(status, code, count))
    return sums


def _by_end(status: int, code: str, count: int) -> tuple[int, ...]:
    """Calls, and by each end. The history has no call that was lost."""
    end = end_of(status, code)
    return count, *(count if end == each else 0 for each in VersionRollup.ENDS)


def _latencies_by_version(latencies: Sums) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Shapes: of (period, at, environment, version, operation, application, bucket)."""
    for (period, at, environment, version, _, _, bucket), (count,) in latencies.items():
        for each in (version, VersionLatency.EVERY):
            yield (period, at, environment, each, bucket), count


def _amounts(told: Told) -> tuple[int, int, int]:
    answered = _REFUSED_BYTES if told.code else told.action.response_bytes
    return 1, _REQUEST_BYTES.get(told.action.method, 0), answered


def _add(sums: Sums, keys: Iterable[tuple[Any, ...]], amounts: tuple[int, ...]) -> None:
    for key in keys:
        row = sums.setdefault(key, [0] * len(amounts))
        for index, amount in enumerate(amounts):
            row[index] += amount
