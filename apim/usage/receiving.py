"""Which events never came before: known by the numbers received of each boot, for as long as boots are remembered.

Owns: ReceivedBoot, locked until the transaction ends, so that two deliveries of the same numbers wait for one another.
Must not know: what events say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from apim.gateways.models import Gateway, Worker
from apim.usage.models import ReceivedBoot
from apim.usage.sequences import Runs, gaps_of, joined, missing_from, parse_runs, runs_of, write_runs
from gateway_sync import usage_wire

_KEPT_AT_LEAST = timedelta(days=7)  # records, whatever is set: see apim.platform.storage

# Of a boot that an earlier release, which kept no numbers, took records in from. On PostgreSQL they are found by the
# beginning of their requests' ids, which is that of the boot.
_STORED = """
SELECT MIN(seq), MAX(seq) FROM (
    SELECT seq, seq - ROW_NUMBER() OVER (ORDER BY seq) AS island FROM usage_usagerecord
    WHERE gateway_id = %s AND boot = %s{found}
) AS numbered GROUP BY island
"""
_BEGINS = " AND request_id ~>=~ %s AND request_id ~<~ %s"
_STORED_WITHIN = """
SELECT gateway_id, boot, MIN(seq), MAX(seq) FROM (
    SELECT gateway_id, boot, seq, seq - ROW_NUMBER() OVER (PARTITION BY gateway_id, boot ORDER BY seq) AS island
    FROM usage_usagerecord WHERE at >= %s AND at < %s
) AS numbered GROUP BY gateway_id, boot, island
"""


class HandedIn(NamedTuple):
    """A batch, and the gateway that sent it."""

    gateway: Gateway
    batch: usage_wire.UsageBatch


class Fresh(NamedTuple):
    """What is new in a batch."""

    gateway: Gateway
    boot: str
    events: Sequence[usage_wire.UsageEvent]


def receive(handed_in: Sequence[HandedIn], *, now: datetime) -> list[Fresh]:
    """The events of each batch that never came before; from here on they have. Within a transaction."""
    boots = sorted({(each.gateway.pk, each.batch.boot) for each in handed_in if each.batch.records})
    if not boots:
        return []
    rows = _locked(boots, now)
    known = {boot: parse_runs(row.received) if row.received else _stored(*boot) for boot, row in rows.items()}
    for boot in [boot for boot, row in rows.items() if not row.received]:
        firsts = [each.batch.records[0].seq for each in handed_in if (each.gateway.pk, each.batch.boot) == boot]
        rows[boot].gaps_from = _gaps_from(boot, known[boot], min(firsts), now)
    fresh = [_fresh(each, known) for each in handed_in if each.batch.records]
    for boot, row in rows.items():
        row.received = write_runs(known[boot])
        row.gap_since = (row.gap_since or now) if gaps_of(known[boot], row.gaps_from) else None
        row.last_at = now
    ReceivedBoot.objects.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["gateway_id", "boot"],
        update_fields=["received", "gap_since", "gaps_from", "last_at"],
    )
    return [each for each in fresh if each.events]


def _gaps_from(boot: tuple[str, str], stored: Runs, first: int, now: datetime) -> int:
    """The number from which gaps of a boot are told that is met first by `first`, with what is stored of it.

    Of one that has lived for longer than records may be kept, earlier ones may have been let go unnoted. Numbers tell
    the order in which calls ended, days when they began, so that there gaps are also among those stored.
    """
    if (stored[0][0] if stored else first) == 1 and len(stored) <= 1:
        return 1
    began_lately = Worker.objects.filter(gateway_id=boot[0], boot=boot[1], started_at__gt=now - _KEPT_AT_LEAST)
    joined_lately = Gateway.objects.filter(pk=boot[0], enrolled_at__gt=now - _KEPT_AT_LEAST)
    if began_lately.exists() or joined_lately.exists():
        return 1
    return stored[-1][1] + 1 if stored else first


def note_stored(since: datetime, until: datetime) -> None:
    """Note the numbers of the records of [since, until), before they leave the table: a repeat is known by them alone.

    Nearly always they are noted. They are not where a process of an earlier release took them in.
    """
    stored = _stored_within(since, until)
    rows = ReceivedBoot.objects.filter(
        gateway_id__in={gateway_id for gateway_id, _ in stored}, boot__in={boot for _, boot in stored}
    )
    noted = {(row.gateway_id, row.boot): parse_runs(row.received) for row in rows}
    lacking = sorted(boot for boot, runs in stored.items() if joined(noted.get(boot, ()), runs) != noted.get(boot))
    if not lacking:
        return
    with transaction.atomic():
        for boot, row in _locked(lacking, timezone.now()).items():
            known = joined(parse_runs(row.received) if row.received else _stored(*boot), stored[boot])
            ReceivedBoot.objects.filter(gateway_id=boot[0], boot=boot[1]).update(received=write_runs(known))


def _stored_within(since: datetime, until: datetime) -> dict[tuple[str, str], list[tuple[int, int]]]:
    stored: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(_STORED_WITHIN, [adapt(since), adapt(until)])
        for gateway_id, boot, first, last in cursor.fetchall():
            stored[gateway_id, boot].append((int(first), int(last)))
    return stored


def _fresh(each: HandedIn, known: dict[tuple[str, str], Runs]) -> Fresh:
    boot = (each.gateway.pk, each.batch.boot)
    events, runs = each.batch.records, known[boot]
    first, last = events[0].seq, events[-1].seq
    # As batches come: without a gap, since decoding refuses any other, and after all that came before.
    if (first, last) == (each.batch.first_seq, each.batch.last_seq) and len(events) == last - first + 1:
        known[boot] = joined(runs, ((first, last),))
        if not runs or first > runs[-1][1]:
            return Fresh(each.gateway, each.batch.boot, events)
        new = missing_from(range(first, last + 1), runs)
    else:
        numbers = [event.seq for event in events]
        known[boot] = joined(runs, runs_of(numbers))
        new = missing_from(numbers, runs)
    return Fresh(
        each.gateway, each.batch.boot, events if len(new) == len(events) else [e for e in events if e.seq in new]
    )


def _locked(boots: Sequence[tuple[str, str]], now: datetime) -> dict[tuple[str, str], ReceivedBoot]:
    """Their rows, which nobody else reads for writing until the end of the transaction: one order for all."""
    ReceivedBoot.objects.bulk_create(
        [ReceivedBoot(gateway_id=gateway_id, boot=boot, last_at=now) for gateway_id, boot in boots],
        update_conflicts=True,
        unique_fields=["gateway_id", "boot"],
        update_fields=["last_at"],
    )
    rows = ReceivedBoot.objects.filter(gateway_id__in={one for one, _ in boots}, boot__in={other for _, other in boots})
    found = {(row.gateway_id, row.boot): row for row in rows}
    return {boot: ReceivedBoot(**_values(found[boot])) for boot in boots}


def _values(row: ReceivedBoot) -> dict[str, object]:
    names = ("gateway_id", "boot", "received", "gap_since", "gaps_from", "last_at")
    return {name: getattr(row, name) for name in names}


def _stored(gateway_id: str, boot: str) -> Runs:
    begin, end = usage_wire.request_ids_of(boot)
    by_request = connection.vendor == "postgresql"
    values = [gateway_id, boot, *((begin, end) if by_request else ())]
    with connection.cursor() as cursor:
        cursor.execute(_STORED.format(found=_BEGINS if by_request else ""), values)
        return joined((), ((int(first), int(last)) for first, last in cursor.fetchall()))
