"""Three days without control plane, database and Redis, and a hundred workers killed in them (C3, B6; R3, R6)."""

from __future__ import annotations

import base64
import http.client
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

import pytest

from benchmarks.load import Call
from benchmarks.state import PEPPER, Size, access_records, calls_of, make_rows
from gateway_sync.compiler import compile_snapshot
from gateway_sync.runtime.access_file import encode_records, write_access_file
from gateway_sync.runtime.generations import Generations
from gateway_sync.runtime.spool_format import FIRST_RECORD, SEGMENT_BYTES, SPOOL_BYTES
from gateway_sync.snapshot import digest, manifest_of, signed_bytes
from tests.clocks import MovingClock
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import GatewayProcess, Home
from tests.wire.raw import RawUpstream

pytestmark = [pytest.mark.fault, pytest.mark.slow]

SIZE = Size(routes=10_000, keys=100_000)
DAYS_S = 72 * 3600
WORKERS = 2
ROUNDS = 50  # in each, all workers are killed
CALLERS = 8
EACH = 40  # calls that are answered before the next kills


class Caller(threading.Thread):
    """Calls all over the routes and keys, one after another, until told to end; each of few calls a connection."""

    def __init__(self, port: int, calls: list[Call], is_over: threading.Event) -> None:
        """Not started."""
        super().__init__(daemon=True)
        self._port, self._calls, self._is_over = port, calls, is_over
        self.statuses: Counter[int] = Counter()
        self.completed: set[str] = set()
        self.broken = 0

    def run(self) -> None:
        """All calls, connecting again after a break."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        for number, call in enumerate(cycle(self._calls)):
            if self._is_over.is_set():
                break
            try:
                connection.request("GET", call.path, headers={"X-API-Key": call.key})
                answer = connection.getresponse()
                answer.read()
                self.statuses[answer.status] += 1
                self.completed.add(answer.headers["X-Request-Id"])
            except (OSError, http.client.HTTPException):
                self.broken += 1
                connection.close()
            if number % 10 == 0:
                connection.close()
        connection.close()


def install(home: Home, upstream_port: int) -> None:
    """The whole state on disk; without a quota, of which several gateways would have to ask each other."""
    rows = make_rows(SIZE, upstream_port)
    rows = replace(rows, plans=tuple(replace(plan, quotas=()) for plan in rows.plans))
    compiled = compile_snapshot(rows, {})
    assert not compiled.problems
    manifest = manifest_of("default", 1, compiled.fragments)
    signature = base64.b64encode(home.signing_key.sign(signed_bytes(manifest))).decode()
    texts = {digest(content): content.decode() for content in compiled.fragments.values()}
    Generations(home.state / "snapshots").save(replace(manifest, signature=signature), texts)
    folder = home.state / "access"
    folder.mkdir(parents=True, exist_ok=True)
    encoded = encode_records(list(access_records(SIZE)))
    write_access_file(folder / "000000000001-10.map", 10, {name: body for name, body in encoded if body is not None})


@contextmanager
def running(home: Home, clock: MovingClock) -> Iterator[GatewayProcess]:
    """A gateway that lives by the clock."""
    gateway = GatewayProcess(home, workers=WORKERS, variables=clock.variables())
    try:
        yield gateway.wait_ready()
    finally:
        gateway.stop()


@contextmanager
def load(gateway: GatewayProcess) -> Iterator[list[Caller]]:
    """Callers for as long as the block lasts."""
    is_over = threading.Event()
    variants = calls_of(SIZE)
    callers = [Caller(gateway.port, variants[number::CALLERS], is_over) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield callers
    finally:
        is_over.set()
        for caller in callers:
            caller.join()


def answered(callers: list[Caller]) -> int:
    return sum(sum(caller.statuses.values()) for caller in callers)


def written(path: Path) -> int:
    """Up to where a segment of a spool is written."""
    return min(int.from_bytes(path.read_bytes()[:FIRST_RECORD], "little"), SEGMENT_BYTES)


def kill_all(gateway: GatewayProcess) -> None:
    """kill -9 each worker; return when others serve."""
    killed = gateway.pids()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not set(killed) & set(gateway.pids()), "other workers")
    gateway.wait_ready()


def test_three_days_alone_and_a_hundred_killed_workers_cost_no_answer(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    home, clock = Home(tmp_path, redis_url="redis://127.0.0.1:1/0", pepper=PEPPER), MovingClock(tmp_path / "clock")
    with RawUpstream() as upstream:
        install(home, upstream.port)
        with running(home, clock) as gateway:
            with load(gateway) as callers:
                for _ in range(ROUNDS):
                    enough = answered(callers) + EACH
                    wait_until(lambda enough=enough: answered(callers) >= enough, "calls are answered")
                    clock.jump(DAYS_S // ROUNDS)
                    kill_all(gateway)
                enough = answered(callers) + EACH
                wait_until(lambda: answered(callers) >= enough, "calls are answered")
            workers = gateway.status()["workers"]
            assert isinstance(workers, list)
            assert sum(worker["stats"]["restarts"] for worker in workers) == ROUNDS * WORKERS
        with running(home, clock) as gateway, load(gateway) as again:  # a new start, from disk alone
            wait_until(lambda: answered(again) >= EACH, "calls are answered")
        callers += again
        assert set().union(*(caller.statuses for caller in callers)) == {200}
        assert sum(caller.broken for caller in callers) <= CALLERS * (ROUNDS + 1)  # in flight at a kill
        completed = set().union(*(caller.completed for caller in callers))
        spooled = sum(written(path) for path in (home.state / "spool").glob("*.spool"))
        with KeepingControlPlane(home) as control, running(home, clock):  # all is there again
            wait_until(lambda: {event.request_id for event in list(control.events.values())} >= completed, "counted")
    ids = Counter(event.request_id for event in control.events.values())
    assert set(ids.values()) == {1}
    span_s = (max(e.at_us for e in control.events.values()) - datetime.now(UTC).timestamp() * 1e6) / 1e6
    assert span_s > DAYS_S - 3600
    record_property("answers", answered(callers))
    record_property("broken_at_kills", sum(caller.broken for caller in callers))
    each = spooled / len(control.events)  # nearly each of another route and key, so more than calls of few applications
    record_property("spooled_bytes_a_call", round(each))
    record_property("calls_a_second_for_three_days", round(SPOOL_BYTES / DAYS_S / each))
