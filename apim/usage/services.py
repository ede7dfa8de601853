"""Taking in what gateways counted, exactly once, and letting go of what is too old to keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apim.access.services import note_last_used
from apim.gateways.models import Gateway
from apim.gateways.sandbox import is_twin
from apim.usage import summaries
from apim.usage.histogram import bucket_of
from apim.usage.models import (
    CallerRollup,
    LatencyRollup,
    ShadowRollup,
    UsageBatch,
    UsageRecord,
    UsageRollup,
    VersionLatency,
    VersionRollup,
)
from apim.usage.periods import PERIODS, start_of
from apim.usage.summaries import Sums
from apim.usage.upserts import add_up, insert_new
from gateway_sync import usage_wire

KEEP_RECORDS = timedelta(days=7)
KEEP_ROLLUPS = {"minute": timedelta(days=7), "hour": timedelta(days=90), "day": timedelta(days=760)}
KEEP_RECEIPTS = timedelta(days=40)
ROLLUPS = (UsageRollup, LatencyRollup, ShadowRollup, CallerRollup, VersionRollup, VersionLatency)
# What the columns and their indexes take; a longer name must not hold everybody's batch up.
OPERATION_AT_MOST = 255
_CODE_AT_MOST = 40
_MINUTE_US = 60_000_000
_SHADOW = "shadow"  # begins the codes of cells that are no calls: `shadow/<kind>/<what it would have done>`
_RECORD_FIELDS = tuple(field.attname for field in UsageRecord._meta.concrete_fields if not field.primary_key)  # noqa: SLF001 - public by custom
_ROWS_A_TRANSACTION = 5_000  # a purge shares SQLite's one writer with everybody else


@transaction.atomic
def ingest(*, gateway: Gateway, batch: usage_wire.UsageBatch) -> int:
    """Store a batch and add it to the roll-ups; the highest sequence number that is safe now.

    Shapes: what an earlier batch brought is neither stored nor added again: events by (gateway, boot, seq), cells by
    (gateway, boot, cells_id). Sums follow only from rows that were new, in the same transaction.
    Source: ADR 0004.
    """
    rows = [_row(gateway, batch.boot, event) for event in batch.records]
    new = insert_new(UsageRecord, _RECORD_FIELDS, rows, returning="seq")
    fresh = [event for event in batch.records if event.seq in new]
    counted = [event for event in fresh if not is_twin(event.context.version_id)]  # the sandbox's are only logged
    calls, latencies = _calls_of(counted), _latencies_of(counted)
    if batch.cells and _is_first(gateway, batch):
        _take_cells(gateway, [cell for cell in batch.cells if not is_twin(cell.version_id)], calls)
    add_up(UsageRollup, UsageRollup.DIMENSIONS, UsageRollup.SUMS, _by_period(gateway, calls))
    add_up(LatencyRollup, LatencyRollup.DIMENSIONS, LatencyRollup.SUMS, _by_period(gateway, latencies))
    callers = summaries.by_caller(calls)
    add_up(CallerRollup, CallerRollup.DIMENSIONS, CallerRollup.SUMS, _by_period(gateway, callers))
    last_used: dict[str, int] = {}
    for event in fresh:
        credential = event.context.credential
        last_used[credential] = max(event.at_us, last_used.get(credential, 0))
    note_last_used((credential, _moment(at_us)) for credential, at_us in last_used.items())
    # Last, for every batch adds to the same few of these rows: so others wait for the commit alone.
    versions, spreads = summaries.by_version(calls), summaries.latencies_by_version(latencies)
    add_up(VersionRollup, VersionRollup.DIMENSIONS, VersionRollup.SUMS, _by_period(gateway, versions))
    add_up(VersionLatency, VersionLatency.DIMENSIONS, VersionLatency.SUMS, _by_period(gateway, spreads))
    return batch.last_seq


def purge(*, now: datetime, records: timedelta = KEEP_RECORDS, rollups: Mapping[str, timedelta] = KEEP_ROLLUPS) -> int:
    """Delete what is older than its time; the number of rows deleted. Shapes: rollups by period."""
    return (
        _purge(UsageRecord, at__lt=now - records)
        + _purge(UsageBatch, received_at__lt=now - KEEP_RECEIPTS)
        + sum(_purge(model, period=period, at__lt=now - kept) for model in ROLLUPS for period, kept in rollups.items())
    )


def _row(gateway: Gateway, boot: str, event: usage_wire.UsageEvent) -> tuple[object, ...]:
    """The values of _RECORD_FIELDS."""
    context = event.context
    return (
        gateway.id,
        boot,
        event.seq,
        event.request_id,
        event.client_request_id,
        _moment(event.at_us),
        gateway.environment_id,
        context.version_id,
        context.operation[:OPERATION_AT_MOST],
        event.path,
        context.organization,
        context.application,
        context.credential,
        context.subscription,
        context.plan,
        event.status,
        event.code,
        event.is_indeterminate,
        event.duration_us,
        event.upstream_us,
        event.request_bytes,
        event.response_bytes,
    )


def _moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC)


def _calls_of(events: Iterable[usage_wire.UsageEvent]) -> Sums:
    """Calls and bytes of each minute, version, operation, application, subscription, status and code."""
    sums: Sums = {}
    for event in events:
        context = event.context
        key = (
            event.at_us // _MINUTE_US,
            context.version_id,
            context.operation[:OPERATION_AT_MOST],
            context.application,
            context.subscription,
            event.status,
            event.code,
        )
        row = sums.get(key)
        if row is None:
            row = sums[key] = [0, 0, 0]
        row[0] += 1
        row[1] += event.request_bytes
        row[2] += event.response_bytes
    return sums


def _latencies_of(events: Iterable[usage_wire.UsageEvent]) -> Sums:
    """Calls of each minute, version, operation, application and bucket."""
    sums: Sums = {}
    for event in events:
        if event.is_indeterminate:
            continue
        context = event.context
        key = (
            event.at_us // _MINUTE_US,
            context.version_id,
            context.operation[:OPERATION_AT_MOST],
            context.application,
            bucket_of(event.duration_us),
        )
        row = sums.get(key)
        if row is None:
            row = sums[key] = [0]
        row[0] += 1
    return sums


def _by_period(
    gateway: Gateway, minutes: Mapping[tuple[Any, ...], Sequence[int]]
) -> dict[tuple[Any, ...], Sequence[int]]:
    """The sums of each period, from those of (minute since the epoch, further dimensions).

    The minutes are summed first: there are fewer of them than exchanges, and each falls into three periods.
    """
    sums: dict[tuple[Any, ...], Sequence[int]] = {}
    starts: dict[tuple[str, int], datetime] = {}
    for (minute, *rest), amounts in minutes.items():
        for period in PERIODS:
            start = starts.get((period, minute))
            if start is None:
                start = starts[period, minute] = start_of(period, _moment(minute * _MINUTE_US))
            key = (period, start, gateway.environment_id, *rest)
            before = sums.get(key)
            sums[key] = amounts if before is None else [one + other for one, other in zip(before, amounts, strict=True)]
    return sums


def _is_first(gateway: Gateway, batch: usage_wire.UsageBatch) -> bool:
    receipt = (gateway.id, batch.boot, batch.cells_id, timezone.now())
    return bool(insert_new(UsageBatch, ("gateway_id", "boot", "number", "received_at"), [receipt], returning="number"))


def _take_cells(gateway: Gateway, cells: Sequence[usage_wire.UsageCell], calls: Sums) -> None:
    """Add the cells to the calls; those of policies in shadow have sums of their own."""
    shadows: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0])
    for cell in cells:
        what, _, rest = cell.code.partition("/")
        minute, route = cell.minute // 60, cell.route[:OPERATION_AT_MOST]
        if what == _SHADOW and rest:
            kind, _, done = rest.rpartition("/")
            shadows[minute, cell.version_id, route, "", kind, done][0] += cell.count
        else:
            key = (minute, cell.version_id, route, "", "", cell.status, cell.code[:_CODE_AT_MOST])
            calls.setdefault(key, [0, 0, 0])[0] += cell.count
    add_up(ShadowRollup, ShadowRollup.DIMENSIONS, ShadowRollup.SUMS, _by_period(gateway, shadows))


def _purge(
    model: type[
        UsageRecord
        | UsageBatch
        | UsageRollup
        | LatencyRollup
        | ShadowRollup
        | CallerRollup
        | VersionRollup
        | VersionLatency
    ],
    **condition: object,
) -> int:
    deleted = 0
    while True:
        ids = list(model.objects.filter(**condition).values_list("pk", flat=True)[:_ROWS_A_TRANSACTION])
        deleted += model.objects.filter(pk__in=ids).delete()[0]
        if len(ids) < _ROWS_A_TRANSACTION:
            return deleted
