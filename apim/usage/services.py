"""Taking in what gateways counted, exactly once, and letting go of what is too old to keep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from apim.access.services import note_last_used
from apim.gateways.models import Gateway
from apim.usage import month_sums, plan_sums, summaries
from apim.usage.counting import Counted, by_period, moment, sides_by_period
from apim.usage.models import (
    ApplicationMonth,
    CallerRollup,
    ConservationCheck,
    LatencyRollup,
    PlanMove,
    ReceivedBoot,
    ShadowRollup,
    SideRollup,
    UsageBatch,
    UsageRollup,
    VersionLatency,
    VersionRollup,
)
from apim.usage.receiving import HandedIn, receive
from apim.usage.records import record_log
from apim.usage.upserts import add_up, insert_new
from gateway_sync import usage_wire

KEEP_RECORDS = timedelta(days=7)
KEEP_ROLLUPS = {"minute": timedelta(days=7), "hour": timedelta(days=90), "day": timedelta(days=760)}
KEEP_RECEIPTS = timedelta(days=40)
ROLLUPS = (
    UsageRollup, PlanMove, LatencyRollup, ShadowRollup, CallerRollup, VersionRollup, VersionLatency, SideRollup,
)  # fmt: skip
# Moves go first: without the rows that they take calls from, a plan would have fewer calls than none.
_LET_GO = (PlanMove, *(model for model in ROLLUPS if model is not PlanMove))
_ROWS_A_TRANSACTION = 5_000  # a purge shares SQLite's one writer with everybody else
_Rows = dict[tuple[Any, ...], Sequence[int]]


@transaction.atomic
def ingest_all(handed_in: Sequence[HandedIn]) -> None:
    """Store batches and add them to the roll-ups, in one transaction: all of them, or none.

    Shapes: what an earlier batch brought is neither stored nor added again: events by (gateway, boot, seq), cells by
    (gateway, boot, cells_id). Sums follow only from what was new, in the same transaction.
    Source: ADR 0004.
    """
    fresh = record_log().add(receive(handed_in, now=timezone.now()))
    plans: dict[str, str] = {}  # of all: what one environment's gateways say of a subscription of another moves none
    counted: dict[str, Counted] = defaultdict(lambda: Counted(plans=plans))
    for each in fresh:
        counted[each.gateway.environment_id].add_events(each.events, each.gateway.pk)
    for gateway, batch in handed_in:
        if batch.cells and _is_first(gateway, batch):
            counted[gateway.environment_id].add_cells(batch.cells, gateway.pk)
    for sums in counted.values():
        sums.finish()
    _add_up(counted, plans)


def _add_up(counted: Mapping[str, Counted], plans: Mapping[str, str]) -> None:
    """Add to all sums. Each table once, in one order for all, so that no two transactions wait for one another."""
    rows: dict[type[models.Model], _Rows] = defaultdict(dict)
    last_used: dict[str, int] = {}
    replanned: _Rows = {}
    months: month_sums.Months = {}
    for environment_id, sums in counted.items():
        callers = summaries.by_caller(sums.calls)
        months |= month_sums.by_month(environment_id, callers)
        made = (
            (UsageRollup, sums.calls),
            (LatencyRollup, sums.latencies),
            (ShadowRollup, sums.shadows),
            (CallerRollup, callers),
            (VersionRollup, summaries.by_version(sums.calls)),
            (VersionLatency, summaries.latencies_by_version(sums.latencies)),
        )
        for model, minutes in made:
            rows[model] |= by_period(environment_id, minutes)
        rows[SideRollup] |= sides_by_period(environment_id, sums.sides)
        replanned |= by_period(environment_id, sums.replanned)
        for credential, at_us in sums.last_used.items():
            last_used[credential] = max(at_us, last_used.get(credential, 0))
    add_up(ShadowRollup, ShadowRollup.DIMENSIONS, ShadowRollup.SUMS, rows[ShadowRollup])
    plan_sums.add_calls(rows[UsageRollup], plans, replanned)
    for table in (LatencyRollup, CallerRollup):
        add_up(table, table.DIMENSIONS, table.SUMS, rows[table])
    month_sums.add_months(months)
    note_last_used((credential, moment(at_us)) for credential, at_us in last_used.items())
    # Last, for every batch adds to the same few of these rows: so others wait for the commit alone.
    for few in (SideRollup, VersionRollup, VersionLatency):
        add_up(few, few.DIMENSIONS, few.SUMS, rows[few])


def purge(*, now: datetime, records: timedelta = KEEP_RECORDS, rollups: Mapping[str, timedelta] = KEEP_ROLLUPS) -> int:
    """Delete what is older than its time; the number of rows deleted. Shapes: rollups by period."""
    return (
        record_log().purge(now - records)
        + _purge(UsageBatch, received_at__lt=now - KEEP_RECEIPTS)
        + _purge(ReceivedBoot, last_at__lt=now - KEEP_RECEIPTS)
        + _purge(ConservationCheck, at__lt=now - KEEP_RECEIPTS)
        + _purge(ApplicationMonth, last_at__lt=now - rollups["day"])
        + sum(_purge(model, period=period, at__lt=now - kept) for model in _LET_GO for period, kept in rollups.items())
    )


def _is_first(gateway: Gateway, batch: usage_wire.UsageBatch) -> bool:
    receipt = (gateway.id, batch.boot, batch.cells_id, timezone.now())
    return bool(insert_new(UsageBatch, ("gateway_id", "boot", "number", "received_at"), [receipt], returning="number"))


def _purge(model: type[models.Model], **condition: object) -> int:
    rows = model._default_manager  # noqa: SLF001 - documented
    deleted = 0
    while True:
        ids = list(rows.filter(**condition).values_list("pk", flat=True)[:_ROWS_A_TRANSACTION])
        deleted += rows.filter(pk__in=ids).delete()[0]
        if len(ids) < _ROWS_A_TRANSACTION:
            return deleted
