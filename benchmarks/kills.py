"""Kills at random: the whole product under load while `kill -9` meets its processes; then both sides are compared.

Shapes: what must hold is that records minus completely received answers is 0 (promises R6, B1), that the sums are those
of the records, and that each change still reaches both gateways; what does not is a sentence in `faults`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from benchmarks.kills_callers import Caller, Ground, pace
from benchmarks.kills_tally import NAME, Seen, Tally
from benchmarks.topology import GATEWAYS, Topology, topology

CALLERS = 16  # of each gateway
SETTLE_S = 180.0
KEEP_S = 0.1
CHANGE_S = 2.0
# Kind of process: the members it is of, and whether their first process is meant or those that it made.
KINDS = {
    "gateway worker": (GATEWAYS, False),
    "gateway supervisor": (GATEWAYS, True),
    "web": (("web1", "web2"), True),
    "web worker": (("web1", "web2"), False),
    "Celery": (("celery1", "celery2"), True),
    "Celery pool": (("celery1", "celery2"), False),
    "publishing": (("publishing",), True),
    "beat": (("beat",), True),
    "balancer": (("balancer",), True),
}
WEIGHTS = (8, 4, 2, 2, 2, 2, 2, 1, 1)


@dataclass(frozen=True, slots=True)
class Course:
    """How many kills, on the average so many seconds apart, under so many calls a second; seed makes its chances."""

    kills: int
    pause_s: float = 2.0
    rate: float = 500.0
    seed: int = 1


def kills(folder: Path, course: Course) -> dict[str, object]:
    """The figures of a run."""
    place = topology(folder / "topology")
    with place:
        return asyncio.run(_run(place, course))


async def _run(place: Topology, course: Course) -> dict[str, object]:
    tally, idle = Tally(), deque[Caller]()
    ground = Ground(place.key, tally)
    callers = [Caller(ground, place.ports[name], idle) for name in GATEWAYS for _ in range(CALLERS)]
    began = time.monotonic()
    keeping = asyncio.create_task(_keep(place))
    calling = [
        asyncio.create_task(work) for work in (pace(ground, idle, course.rate), *(each.run() for each in callers))
    ]
    changing = asyncio.create_task(_change(place, ground))
    await _kill(place, tally, course)
    await asyncio.sleep(course.pause_s)
    ground.is_over = True
    await asyncio.gather(*calling)
    lasted_s = time.monotonic() - began
    changed = await changing
    drained_s = await _drain(place, tally)
    table = await asyncio.to_thread(lambda: tally.compare(_records(place)))
    _compare_sums(place, tally)
    keeping.cancel()
    totals = {name: sum(row[name] for row in table.values()) for name in next(iter(table.values()))}
    return {
        "seed": course.seed,
        "seconds": round(lasted_s),
        "calls a second": round(len(tally.ends) / lasted_s),
        "calls": len(tally.ends),
        "received completely": tally.whole(),
        "refused with 503": tally.counts["refused with 503"],
        "processes started again": sum(member.restarts for member in place.members.values()),
        **changed,
        "drained after s": round(drained_s, 1),
        "by kind": table,
        "in all": totals,
        "faults": tally.faults,
    }


async def _keep(place: Topology) -> None:
    while True:
        place.tick()
        await asyncio.sleep(KEEP_S)


async def _kill(place: Topology, tally: Tally, course: Course) -> None:
    chance = random.Random(course.seed)  # noqa: S311 - no secret
    done = 0
    while done < course.kills:
        await asyncio.sleep(course.pause_s * chance.uniform(0.5, 1.5))
        (kind,) = chance.choices(list(KINDS), WEIGHTS)
        names, is_first = KINDS[kind]
        pids = place.members[chance.choice(names)].pids
        chosen = pids[:1] if is_first else pids[1:]
        if chosen:
            tally.killed(kind)
            with suppress(ProcessLookupError):
                os.kill(chance.choice(chosen), signal.SIGKILL)
            done += 1


async def _change(place: Topology, ground: Ground) -> dict[str, object]:
    """Make keys and revoke them all the while; at the end each gateway knows of all of it."""
    made: list[tuple[str, str]] = []
    revoked: list[str] = []
    failed = 0
    while not ground.is_over:
        await asyncio.sleep(CHANGE_S)
        try:
            if len(made) > 1:
                credential, key = made[0]
                await asyncio.to_thread(place.rest, "POST", f"credentials/{credential}/revoke", {})
                revoked.append(key)
                del made[0]
            issued = await asyncio.to_thread(place.rest, "POST", "credentials", {"application": "shop"})
            made.append((issued["id"], issued["key"]))
        except OSError:  # the web process that had it was killed: what it did is not known
            failed += 1
            made = []
    wanted = dict.fromkeys(revoked, b"401") | {key: b"200" for _, key in made}
    until, wrong = time.monotonic() + SETTLE_S, wanted
    while wrong and time.monotonic() < until:
        wrong = {key: status for key, status in wrong.items() if not await _is_everywhere(place, key, status)}
        await asyncio.sleep(1)
    if wrong:
        ground.tally.fault(f"{len(wrong)} of {len(wanted)} changes are not in force at both gateways")
    return {"keys revoked": len(revoked), "changes that met a kill": failed}


async def _is_everywhere(place: Topology, key: str, status: bytes) -> bool:
    for name in GATEWAYS:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", place.ports[name])
            writer.write(f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\n\r\n".encode())
            told = (await reader.readuntil(b"\r\n"))[9:12]
            writer.close()
        except (OSError, EOFError):
            return False
        if told != status:
            return False
    return True


async def _drain(place: Topology, tally: Tally) -> float:
    """Seconds until every answer has its record; then a while in which a second one would show."""
    began = time.monotonic()
    while time.monotonic() - began < SETTLE_S:
        (counted,) = await asyncio.to_thread(_one, place, _COUNT)
        pending = [await asyncio.to_thread(_pending, place, name) for name in GATEWAYS]
        if counted >= tally.whole() and not any(pending):
            break
        await asyncio.sleep(1)
    took_s = time.monotonic() - began
    await asyncio.sleep(3)
    return took_s


def _pending(place: Topology, name: str) -> int:
    try:
        return int(place.status(name)["usage"]["pending"])
    except OSError:
        return 1


def _compare_sums(place: Topology, tally: Tally) -> None:
    """The roll-ups are the sums of the records: of each period, of all callers with an identity."""
    (records,) = _one(place, "SELECT count(*) FROM usage_usagerecord")
    for period in ("minute", "hour", "day"):
        (calls,) = _one(place, _SUM, period)
        if calls != records:
            tally.fault(f"the roll-ups by {period} sum up {calls} calls of {records} records")


def _records(place: Topology) -> Iterator[Seen]:
    with psycopg.connect(place.postgresql.url) as connection, connection.cursor("records") as cursor:
        cursor.execute(_RECORDS)
        for name, status, is_indeterminate in cursor:
            yield Seen(int(name.removeprefix(NAME)), status, is_indeterminate)


def _one(place: Topology, query: str, *values: str) -> tuple[int, ...]:
    with psycopg.connect(place.postgresql.url) as connection:
        found = connection.execute(query, values).fetchone()
    return tuple(int(value or 0) for value in found or ())


_OF_CALLS = f"FROM usage_usagerecord WHERE starts_with(client_request_id, '{NAME}')"
_COUNT = f"SELECT count(*) {_OF_CALLS} AND NOT is_indeterminate"
_RECORDS = f"SELECT client_request_id, status, is_indeterminate {_OF_CALLS}"
_SUM = "SELECT sum(calls) FROM usage_usagerollup WHERE period = %s AND application_id <> ''"
