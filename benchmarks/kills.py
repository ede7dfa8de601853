"""Kills at random: the whole product under load while `kill -9` meets its processes; then both sides are compared.

Shapes: what must hold is that records minus completely received answers is 0 (promises R6, B1), that the sums are those
of the records, and that each change still reaches both gateways; what does not is a sentence in `faults`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

import psycopg

from benchmarks.kills_callers import Caller, Ground, pace
from benchmarks.kills_tally import NAME, Seen, Tally
from benchmarks.topology import GATEWAYS, Topology, topology

CALLERS = 16  # of each gateway
SETTLE_S = 600.0  # only what never happens uses it up; on a busy machine a web process starts for minutes
KEEP_S = 0.1
BREATH = 10  # kills, after which it is waited until all serve again
_UNAVAILABLE = 502
SECOND_S = 3.0
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
    place = topology(folder / f"topology-{course.seed}")
    with place:
        return asyncio.run(_run(place, course))


def kills_in_parts(folder: Path, course: Course, parts: int) -> Iterator[dict[str, object]]:
    """The figures of each part as it ends: of as many kills, by the next seed, on a topology of its own.

    A part that cannot begin or end is a fault, and the others go on.
    """
    for number in range(parts):
        share = course.kills * (number + 1) // parts - course.kills * number // parts
        part = replace(course, kills=share, seed=course.seed + number)
        try:
            yield kills(folder, part)
        except (OSError, subprocess.CalledProcessError) as error:
            yield {"seed": part.seed, "faults": [f"seed {part.seed}: it came to no end: {error!r}"]}


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
    try:
        changed = await changing
    except OSError as error:  # what was counted is compared all the same
        changed = {}
        tally.fault(f"{SETTLE_S:.0f} s after the last kill a change was not taken yet: {error!r}")
    keeping.cancel()
    drained_s = drain(place, tally)
    table = compare(place, tally)
    totals = {name: sum(row[name] for row in table.values()) for name in next(iter(table.values()))}
    return {
        "seed": course.seed,
        "seconds": round(lasted_s),
        "calls a second": round(len(tally.ends) / lasted_s),
        "calls": len(tally.ends),
        "received completely": tally.whole(),
        "of nobody": tally.nobodys(),
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
            if done % BREATH == 0:
                await _recover(place, tally, done)


async def _recover(place: Topology, tally: Tally, kills_before: int) -> None:
    """Wait until all serve: where processes start slower than they are killed, kills would meet none at work."""
    until = time.monotonic() + SETTLE_S
    while not await asyncio.to_thread(place.is_ready):
        if time.monotonic() > until:
            tally.fault(f"{SETTLE_S:.0f} s after kill {kills_before} not all serve")
            return
        await asyncio.sleep(0.5)


async def _change(place: Topology, ground: Ground) -> dict[str, object]:
    """Make keys and revoke them all the while; at the end each gateway knows of all of it."""
    made: list[tuple[str, str]] = []
    revoked: list[str] = []
    again = 0
    while not ground.is_over:
        await asyncio.sleep(CHANGE_S)
        issued, times = await _ask(place, ground, "credentials", {"application": "shop"})
        again += times
        made.append((str(issued["id"]), str(issued["key"])))
        if len(made) > 1:
            credential, key = made.pop(0)
            _, times = await _ask(place, ground, f"credentials/{credential}/revoke", {})
            again += times
            revoked.append(key)
    wanted = dict.fromkeys(revoked, b"401") | {key: b"200" for _, key in made}
    until, wrong = time.monotonic() + SETTLE_S, wanted
    while wrong and time.monotonic() < until:
        wrong = {key: status for key, status in wrong.items() if not await _is_everywhere(place, key, status)}
        await asyncio.sleep(1)
    if wrong:
        ground.tally.fault(f"{len(wrong)} of {len(wanted)} changes are not in force at both gateways")
    return {"keys revoked": len(revoked), "changes sent again": again}


async def _ask(place: Topology, ground: Ground, path: str, body: object) -> tuple[dict[str, object], int]:
    """What the REST API answers in the end, and how often it was asked in vain. Errors: OSError, after the kills."""
    once, again, until = uuid.uuid4().hex, 0, 0.0
    while True:
        try:
            return await asyncio.to_thread(place.rest, "POST", path, body, once), again
        except OSError as error:
            until = until or (time.monotonic() + SETTLE_S if ground.is_over else 0.0)  # where both web start, it waits
            if until and time.monotonic() > until:
                raise
            if isinstance(error, HTTPError) and error.code < _UNAVAILABLE:
                ground.tally.fault(f"a change was refused: {path}: {error}: {_told(error)!r}")
            again += 1
            await asyncio.sleep(0.5)


def _told(error: HTTPError) -> bytes:
    try:
        return error.read()[:300]
    except (OSError, HTTPException):  # who told it was killed meanwhile
        return b""


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


def drain(place: Topology, tally: Tally) -> float:
    """Seconds until every answer has its record; then a while in which a second one would show. None calls any more."""
    began = time.monotonic()
    with suppress(TimeoutError):  # what is missing then is told by comparing
        place.wait_until(lambda: not any(_pending(place, name) for name in GATEWAYS), "nothing waits to be counted")
        place.wait_until(lambda: not tally.missing(_records(place)), "all is counted", pause_s=1.0)
        place.wait_until(lambda: _nobodys(place, "day") >= tally.nobodys(), "those of nobody too", pause_s=1.0)
    took_s = time.monotonic() - began
    until = time.monotonic() + SECOND_S
    place.wait_until(lambda: time.monotonic() > until, "a while")
    return took_s


def compare(place: Topology, tally: Tally) -> dict[str, dict[str, int]]:
    """The table by kind of process; tally's faults tell what must not be, sums that differ from records among it."""
    for period in ("minute", "hour", "day"):
        with psycopg.connect(place.postgresql.url) as connection:
            records, calls = connection.execute(_SUMS, (period,)).fetchone() or (0, 0)
        if calls != records:
            tally.fault(f"the roll-ups by {period} sum up {calls} calls of {records} records")
        tally.judge_nobodys(_nobodys(place, period))
    return tally.compare(_records(place))


def _pending(place: Topology, name: str) -> int:
    try:
        return int(place.status(name)["usage"]["pending"])
    except OSError:
        return 1


def _nobodys(place: Topology, period: str) -> int:
    with psycopg.connect(place.postgresql.url) as connection:
        return int((connection.execute(_NOBODYS, (period,)).fetchone() or (0,))[0])


def _records(place: Topology) -> Iterator[Seen]:
    with psycopg.connect(place.postgresql.url) as connection, connection.cursor("records") as cursor:
        cursor.execute(_RECORDS, (NAME,))
        for name, status, is_indeterminate in cursor:
            yield Seen(int(name.removeprefix(NAME)), status, is_indeterminate)


_RECORDS = """
SELECT client_request_id, status, is_indeterminate FROM usage_usagerecord WHERE starts_with(client_request_id, %s)
"""
_SUMS = """
SELECT (SELECT count(*) FROM usage_usagerecord),
  (SELECT coalesce(sum(calls), 0) FROM usage_usagerollup WHERE period = %s AND application_id <> '')
"""
_NOBODYS = """
SELECT coalesce(sum(calls), 0) FROM usage_usagerollup WHERE period = %s AND application_id = '' AND status = 404
"""
