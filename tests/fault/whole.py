"""Calls and changes of the whole product while something is wrong with it; what both sides know is compared after."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from benchmarks.kills import compare, drain
from benchmarks.kills_callers import Caller, Ground, pace
from benchmarks.kills_tally import Tally
from benchmarks.topology import GATEWAYS, Topology

RATE = 100.0
CONNECTIONS = 12  # enough that each of two workers gets some
Note = Callable[[str, object], None]


@contextmanager
def load(place: Topology, tally: Tally) -> Iterator[None]:
    """Calls of both gateways while something happens; afterwards each answer is one record, and no more are there."""
    ground = Ground(place.key, tally)
    caller = threading.Thread(target=asyncio.run, args=(_call(place, ground),))
    caller.start()
    before, known = tally.whole(), len(tally.faults)
    try:
        place.wait_until(lambda: tally.whole() - before > RATE, "calls are answered")
        yield
        enough = tally.whole() + RATE
        place.wait_until(lambda: tally.whole() > enough, "calls are answered all the while")
    finally:
        ground.is_over = True
        caller.join()
    drain(place, tally)
    compare(place, tally)
    assert tally.faults[known:] == []


async def _call(place: Topology, ground: Ground) -> None:
    idle: deque[Caller] = deque()
    callers = [
        Caller(ground, place.ports[name], idle, place.machines.address_of(name)) for name in GATEWAYS for _ in range(4)
    ]
    await asyncio.gather(pace(ground, idle, RATE), *(each.run() for each in callers))


def statuses(place: Topology, name: str, key: str) -> set[int]:
    """What a gateway answers to fresh connections: they spread over its workers."""
    return {status_of(f"{place.url(name)}/bank/v1/accounts", key) for _ in range(CONNECTIONS)}


def status_of(url: str, key: str) -> int:
    """What one call on a connection of its own is answered."""
    return httpx.get(url, headers={"X-API-Key": key}, timeout=30).status_code


def everywhere(place: Topology, key: str, status: int) -> float:
    """Seconds until each worker of each gateway answers so."""
    return round(
        place.wait_until(lambda: all(statuses(place, name, key) == {status} for name in GATEWAYS), f"{status}"), 2
    )


def patiently(place: Topology, method: str, path: str, body: object = None) -> dict[str, object]:
    """A REST call that is made again when the process that had it is killed."""
    found: list[dict[str, object]] = []

    def is_done() -> bool:
        try:
            found.append(place.rest(method, path, body))
        except OSError:
            return False
        return True

    place.wait_until(is_done, f"{method} {path}")
    return found[0]


def issue_and_revoke(place: Topology, note: Note, name: str) -> None:
    """A key is accepted by both gateways, then refused by both; the seconds are noted."""
    issued = patiently(place, "POST", "credentials", {"application": "shop"})
    note(f"{name}_key_after_s", everywhere(place, str(issued["key"]), 200))
    patiently(place, "POST", f"credentials/{issued['id']}/revoke", {})
    note(f"{name}_revocation_after_s", everywhere(place, str(issued["key"]), 401))


def plan(rate: int) -> str:
    """The plan of the key, with no limit that is felt."""
    return f"""
apiVersion: apim.dev/v1
kind: Plan
metadata: {{ name: starter }}
spec:
  displayName: Starter
  approval: auto
  limits:
    - {{ rate: {rate}/s, burst: 1000000 }}
"""
