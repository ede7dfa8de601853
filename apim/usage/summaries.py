"""Sums by version, and by version and caller, made of those by operation: while taking in, or of all that is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import add
from typing import Any, TypeAlias

from django.db import connection, transaction

from apim.usage import month_sums
from apim.usage.version_rollups import CallerRollup, VersionLatency, VersionRollup

Sums: TypeAlias = dict[tuple[Any, ...], list[int]]

_PLACE = {name: place for place, name in enumerate(VersionRollup.SUMS)}
_CALLS, _LOST = _PLACE["calls"], _PLACE["lost"]
_REQUEST_BYTES, _RESPONSE_BYTES = _PLACE["request_bytes"], _PLACE["response_bytes"]
_FIRST_ERROR, _FIRST_FAILURE = 400, 500

# The same as end_of, for the database. In the order of time, as they come while usage is taken in: so a page that shows
# a stretch of it reads few blocks.
_ENDED = {
    "answered": "status BETWEEN 1 AND 399",
    "rejected": "status BETWEEN 400 AND 499 AND code = ''",
    "failed": "status >= 500 AND code = ''",
    "refused": "status BETWEEN 400 AND 499 AND code <> ''",
    "unreached": "status >= 500 AND code <> ''",
    "lost": "status = 0",
}
_SUMS_BY_END = ", ".join(
    f"SUM(CASE WHEN {met} THEN calls ELSE 0 END)"
    for met in ("status <> 0", *(_ENDED[end] for end in VersionRollup.ENDS))
)
_SUM_CALLS = f"""
INSERT INTO usage_versionrollup (period, at, environment_id, version_id, {", ".join(VersionRollup.SUMS)})
SELECT period, at, environment_id, version_id, {_SUMS_BY_END}, SUM(request_bytes), SUM(response_bytes)
FROM usage_usagerollup GROUP BY period, at, environment_id, version_id ORDER BY 1, 2
"""  # noqa: S608 - of names alone
_SUM_EVERY = f"""
INSERT INTO usage_versionrollup (period, at, environment_id, version_id, {", ".join(VersionRollup.SUMS)})
SELECT period, at, environment_id, '{VersionRollup.EVERY}', {", ".join(f"SUM({name})" for name in VersionRollup.SUMS)}
FROM usage_versionrollup GROUP BY period, at, environment_id ORDER BY 1, 2
"""  # noqa: S608 - of names alone
_SUM_CALLERS = f"""
INSERT INTO usage_callerrollup (period, at, environment_id, version_id, application_id, {", ".join(CallerRollup.SUMS)})
SELECT period, at, environment_id, version_id, application_id, {_SUMS_BY_END}
FROM usage_usagerollup GROUP BY period, at, environment_id, version_id, application_id ORDER BY 1, 2
"""  # noqa: S608 - of names alone
_SUM_LATENCIES = f"""
INSERT INTO usage_versionlatency (period, at, environment_id, version_id, bucket, {", ".join(VersionLatency.SUMS)})
SELECT period, at, environment_id, {{version}}, bucket, {", ".join(f"SUM({name})" for name in VersionLatency.SUMS)}
FROM usage_latencyrollup GROUP BY period, at, environment_id, {{group}}bucket ORDER BY 1, 2
"""  # noqa: S608 - of names alone
# In the order in which usage is taken in: two that lock them in other orders would wait for one another.
_TABLES = ("usage_callerrollup", month_sums.TABLE, "usage_versionrollup", "usage_versionlatency")


def end_of(status: int, code: str) -> str:
    """Who ended a call how: one of VersionRollup.ENDS. A code is the gateway's own, a service's answer has none."""
    if not status:
        return "lost"
    if status < _FIRST_ERROR:
        return "answered"
    if status < _FIRST_FAILURE:
        return "refused" if code else "rejected"
    return "unreached" if code else "failed"


def ends_of_nothing() -> list[int]:
    """The sums of CallerRollup and SideRollup before the first call."""
    return [0] * len(CallerRollup.SUMS)


def add_end(row: list[int], status: int, code: str, count: int) -> None:
    """Count calls by who ended them how; lost ones are no calls. Shapes: row as CallerRollup.SUMS begins."""
    place = _PLACE[end_of(status, code)]
    row[place] += count
    if place != _LOST:
        row[_CALLS] += count


def that_ended(end: str) -> str:
    """Which roll-ups are of calls that ended so, as a condition of SQL."""
    return _ENDED[end]


def by_version(calls: Mapping[tuple[Any, ...], Sequence[int]]) -> Sums:
    """The sums of VersionRollup by (minute, version or EVERY).

    Shapes: calls maps (minute, version, operation, application, subscription, status, code) to calls and bytes.
    """
    sums: Sums = {}
    for (minute, version_id, _, _, _, status, code), (count, request_bytes, response_bytes) in calls.items():
        row = sums.get((minute, version_id))
        if row is None:
            row = sums[minute, version_id] = [0] * len(VersionRollup.SUMS)
        add_end(row, status, code, count)
        row[_REQUEST_BYTES] += request_bytes
        row[_RESPONSE_BYTES] += response_bytes
    for (minute, _), row in list(sums.items()):
        key = (minute, VersionRollup.EVERY)
        sums[key] = [one + other for one, other in zip(sums[key], row, strict=True)] if key in sums else row
    return sums


def by_caller(calls: Mapping[tuple[Any, ...], Sequence[int]]) -> Sums:
    """The sums of CallerRollup by (minute, version, application). Shapes: calls as in by_version."""
    sums: Sums = {}
    for (minute, version_id, _, application_id, _, status, code), (count, _, _) in calls.items():
        row = sums.get((minute, version_id, application_id))
        if row is None:
            row = sums[minute, version_id, application_id] = ends_of_nothing()
        add_end(row, status, code, count)
    return sums


def latencies_by_version(latencies: Mapping[tuple[Any, ...], Sequence[int]]) -> Sums:
    """The sums of VersionLatency by (minute, version or EVERY, first bucket).

    Shapes: latencies maps (minute, version, operation, application, first bucket) to the values of bands.SUMS.
    """
    sums: Sums = {}
    for (minute, version_id, _, _, bucket), amounts in latencies.items():
        _add_amounts(sums, (minute, version_id, bucket), amounts)
    for (minute, _, bucket), row in list(sums.items()):  # of the few that are left
        _add_amounts(sums, (minute, VersionLatency.EVERY, bucket), row)
    return sums


@transaction.atomic
def sum_up_everything() -> None:
    """Make all roll-ups by version and by caller anew of those by operation: after old processes counted without them.

    Who takes in usage meanwhile waits: a row that it added between the deletion and the sums would stand twice.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # SQLite has one writer anyway
            cursor.execute(f"LOCK TABLE {', '.join(_TABLES)} IN SHARE ROW EXCLUSIVE MODE")
        for statement in (
            *(f"DELETE FROM {table}" for table in _TABLES),  # noqa: S608 - names of ours
            _SUM_CALLS,
            _SUM_EVERY,
            _SUM_CALLERS,
            _SUM_LATENCIES.format(version="version_id", group="version_id, "),
            _SUM_LATENCIES.format(version=f"'{VersionLatency.EVERY}'", group=""),
        ):
            cursor.execute(statement)
        month_sums.sum_up_months(cursor)


def _add_amounts(sums: Sums, key: tuple[Any, ...], amounts: Sequence[int]) -> None:
    row = sums.get(key)
    sums[key] = list(amounts) if row is None else list(map(add, row, amounts))
