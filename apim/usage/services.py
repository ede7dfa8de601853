"""Taking in what gateways counted, exactly once, and letting go of what is too old to keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction

from apim.access.services import note_last_used
from apim.gateways.models import Gateway
from apim.usage.histogram import bucket_of
from apim.usage.models import LatencyRollup, UsageBatch, UsageRecord, UsageRollup
from apim.usage.periods import PERIODS, start_of
from apim.usage.upserts import add_up, insert_new
from gateway_sync import usage_wire

KEEP_RECORDS = timedelta(days=7)
KEEP_ROLLUPS = {"minute": timedelta(days=7), "hour": timedelta(days=90), "day": timedelta(days=760)}
KEEP_RECEIPTS = timedelta(days=40)
OPERATION_AT_MOST = 255  # what the columns and their indexes take; a longer name must not hold everybody's batch up
_ROWS_A_TRANSACTION = 5_000  # a purge shares SQLite's one writer with everybody else


@transaction.atomic
def ingest(*, gateway: Gateway, batch: usage_wire.UsageBatch) -> int:
    """Store a batch and add it to the roll-ups; the highest sequence number that is safe now.

    Shapes: what an earlier batch brought is neither stored nor added again: events by (gateway, boot, seq), cells by
    (gateway, boot, cells_id). Sums follow only from rows that were new, in the same transaction.
    Source: ADR 0004.
    """
    records = [_record(gateway, batch.boot, event) for event in batch.records]
    new = insert_new(UsageRecord, records, returning="seq")
    fresh = [record for record in records if record.seq in new]
    _add_calls(fresh)
    _add_latencies(record for record in fresh if not record.is_indeterminate)
    if batch.cells and _is_first(gateway, batch):
        _add_cells(gateway, batch.cells)
    last_used = {record.credential_id: record.at for record in sorted(fresh, key=lambda record: record.at)}
    note_last_used(last_used.items())
    return batch.last_seq


def purge(*, now: datetime) -> int:
    """Delete what is older than its time; the number of rows deleted."""
    return (
        _purge(UsageRecord, at__lt=now - KEEP_RECORDS)
        + _purge(UsageBatch, received_at__lt=now - KEEP_RECEIPTS)
        + sum(
            _purge(model, period=period, at__lt=now - kept)
            for model in (UsageRollup, LatencyRollup)
            for period, kept in KEEP_ROLLUPS.items()
        )
    )


def _record(gateway: Gateway, boot: str, event: usage_wire.UsageEvent) -> UsageRecord:
    context = event.context
    return UsageRecord(
        gateway_id=gateway.id,
        boot=boot,
        seq=event.seq,
        request_id=event.request_id,
        client_request_id=event.client_request_id,
        at=datetime.fromtimestamp(event.at_us / 1_000_000, UTC),
        environment_id=gateway.environment_id,
        version_id=context.version_id,
        operation=context.operation[:OPERATION_AT_MOST],
        path=event.path,
        organization_id=context.organization,
        application_id=context.application,
        credential_id=context.credential,
        subscription_id=context.subscription,
        plan_version_id=context.plan,
        status=event.status,
        code=event.code,
        is_indeterminate=event.is_indeterminate,
        duration_us=event.duration_us,
        upstream_us=event.upstream_us,
        request_bytes=event.request_bytes,
        response_bytes=event.response_bytes,
    )


def _add_calls(records: Iterable[UsageRecord]) -> None:
    sums: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for record in records:
        for period in PERIODS:
            row = sums[
                period,
                start_of(period, record.at),
                record.environment_id,
                record.version_id,
                record.operation,
                record.application_id,
                record.subscription_id,
                record.status,
                record.code,
            ]
            row[0] += 1
            row[1] += record.request_bytes
            row[2] += record.response_bytes
    add_up(UsageRollup, UsageRollup.DIMENSIONS, UsageRollup.SUMS, sums)


def _add_latencies(records: Iterable[UsageRecord]) -> None:
    sums: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0])
    for record in records:
        for period in PERIODS:
            sums[
                period,
                start_of(period, record.at),
                record.environment_id,
                record.version_id,
                record.operation,
                record.application_id,
                bucket_of(record.duration_us),
            ][0] += 1
    add_up(LatencyRollup, LatencyRollup.DIMENSIONS, LatencyRollup.SUMS, sums)


def _is_first(gateway: Gateway, batch: usage_wire.UsageBatch) -> bool:
    receipt = UsageBatch(gateway_id=gateway.id, boot=batch.boot, number=batch.cells_id)
    return bool(insert_new(UsageBatch, [receipt], returning="number"))


def _add_cells(gateway: Gateway, cells: Sequence[usage_wire.UsageCell]) -> None:
    sums: dict[tuple[object, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for cell in cells:
        at, route = datetime.fromtimestamp(cell.minute, UTC), cell.route[:OPERATION_AT_MOST]
        for period in PERIODS:
            key = (period, start_of(period, at), gateway.environment_id, cell.version_id, route, "", "")
            sums[*key, cell.status, cell.code][0] += cell.count
    add_up(UsageRollup, UsageRollup.DIMENSIONS, UsageRollup.SUMS, sums)


def _purge(model: type[UsageRecord | UsageBatch | UsageRollup | LatencyRollup], **condition: object) -> int:
    deleted = 0
    while True:
        ids = list(model.objects.filter(**condition).values_list("pk", flat=True)[:_ROWS_A_TRANSACTION])
        deleted += model.objects.filter(pk__in=ids).delete()[0]
        if len(ids) < _ROWS_A_TRANSACTION:
            return deleted
