"""What gateways say that they counted, beside what came of it: the tail of a life, or all of it, may be lost."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple

from apim.gateways.models import ToldBoot
from apim.usage.models import ReceivedBoot
from apim.usage.sequences import parse_runs

RENEWED_AFTER: Final = timedelta(minutes=1)
MAY_TAKE: Final = timedelta(minutes=15)  # as a gap may last
KEPT: Final = timedelta(days=40)  # as receipts are
_COMPARED_FOR: Final = KEPT - timedelta(days=1)  # what came may be forgotten then
_TOLD_EACH: Final = timedelta(days=1)
_AT_ONCE: Final = 400
_LONGEST_BOOT: Final = 32  # that a column holds
_BOOTS_AT_MOST: Final = 500  # of one report
LIVES_AT_MOST: Final = 5_000  # of one gateway, which may tell of ever new ones


class Lacking(NamedTuple):
    """What has not come of a life: so many records from number first on. Shapes: since = when it was told of them."""

    gateway_id: str
    boot: str
    since: datetime
    first: int
    records: int


def note_told(gateway_id: str, told: Mapping[str, int], now: datetime) -> None:
    """Note what a gateway says that its workers' lives have counted."""
    lasts = {boot: last for boot, last in islice(told.items(), _BOOTS_AT_MOST) if last and len(boot) <= _LONGEST_BOOT}
    known = {row.boot: row for row in ToldBoot.objects.filter(gateway_id=gateway_id, boot__in=lasts)}
    new = [
        ToldBoot(gateway_id=gateway_id, boot=boot, due=last, due_at=now, told_at=now)
        for boot, last in lasts.items()
        if boot not in known
    ]
    if new:
        ToldBoot.objects.bulk_create(new[: _room_for(len(new), gateway_id, known)], ignore_conflicts=True)
    rising = [row for row in known.values() if lasts[row.boot] > row.due and now - row.due_at > RENEWED_AFTER]
    reached = _reached([row for row in rising if not row.has_come])
    changed = []
    for row in rising:
        if row.has_come or reached.get((gateway_id, row.boot), 0) >= row.due:
            row.due, row.due_at, row.has_come, row.told_at = lasts[row.boot], now, False, now
            changed.append(row)
    changed += [row for row in known.values() if row not in changed and now - row.told_at > _TOLD_EACH]
    for row in changed:
        row.told_at = now
    ToldBoot.objects.bulk_update(changed, ["due", "due_at", "has_come", "told_at"])


def lacking(now: datetime) -> Iterator[Lacking]:
    """What was told long enough ago and has not come, the oldest first; what came is noted as such."""
    waiting = ToldBoot.objects.filter(
        has_come=False, due_at__lt=now - MAY_TAKE, due_at__gt=now - _COMPARED_FOR
    ).order_by("due_at", "id")
    every = list(waiting)
    for start in range(0, len(every), _AT_ONCE):
        rows = every[start : start + _AT_ONCE]
        reached = _reached(rows)
        found, come = [], []
        for row in rows:
            last = reached.get((row.gateway_id, row.boot), 0)
            if last < row.due:
                found.append(Lacking(row.gateway_id, row.boot, row.due_at, last + 1, row.due - last))
            else:
                come.append(row.pk)
        # What became due meanwhile is due from now on, and has not come yet.
        ToldBoot.objects.filter(pk__in=come, due_at__lt=now - MAY_TAKE).update(has_come=True)
        yield from found  # last: who asks may have heard enough before the end


def purge_told(now: datetime) -> int:
    """Forget lives that nobody speaks of any more; how many."""
    return ToldBoot.objects.filter(told_at__lt=now - KEPT).delete()[0]


def _room_for(number: int, gateway_id: str, spoken_of: Collection[str]) -> int:
    """How many of so many further lives of a gateway may be noted. For them others go that came as they should."""
    noted = ToldBoot.objects.filter(gateway_id=gateway_id)
    room = LIVES_AT_MOST - noted.count()
    if room < number:
        done = noted.filter(has_come=True).exclude(boot__in=spoken_of).order_by("told_at", "id")
        room += noted.filter(pk__in=list(done.values_list("pk", flat=True)[: number - room])).delete()[0]
    return max(0, room)


def _reached(rows: Sequence[ToldBoot]) -> dict[tuple[str, str], int]:
    """The last number that came of each."""
    found = ReceivedBoot.objects.filter(
        gateway_id__in={row.gateway_id for row in rows}, boot__in={row.boot for row in rows}
    ).values_list("gateway_id", "boot", "received")
    return {(gateway_id, boot): runs[-1][1] for gateway_id, boot, received in found if (runs := parse_runs(received))}
