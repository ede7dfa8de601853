"""An organization that floods a gateway takes nothing of another's: places, rates and turns are each its own (R10).

How much later the other is answered is measured and told at the end of a run; what is asserted is who was let in, and
in which order the service was asked.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from apim.up.options import ROOT
from gateway_sync.snapshot import Policy, Rate, Snapshot
from tests.waiting import wait_until
from tests.wire.gateways import KEY, GatewayProcess, Home, Record, make_snapshot, make_version
from tests.wire.raw import OK, RawClient, RawUpstream

OTHER = KEY[:-1] + "7"
PLACES = 4
FLOOD = 12  # connections
CALLS = 100
BACKLOG = 300
HELD, AT_ONCE = b"users/me", b"accounts"


def records(home: Home) -> list[Record]:
    """A key of each of two organizations, on the same plan of the same product."""
    mine = home.records()
    other = [
        (kind, home.hash_of(OTHER) if kind == "credential" else _renamed(name), _other(body))
        for kind, name, body in mine
    ]
    return [*mine, *other]


def _renamed(name: str) -> str:
    return name.replace("_1", "_2") if name.startswith(("app_", "org_", "sub_", "crd_")) else name


def _other(body: object) -> dict[str, object]:
    assert isinstance(body, dict)
    texts = {key: _renamed(value) if isinstance(value, str) else value for key, value in body.items()}
    return texts | {key: [_renamed(each) for each in value] for key, value in body.items() if isinstance(value, list)}


class Gate:
    """A service that answers calls of one path only when it is opened."""

    def __init__(self) -> None:
        """Shut."""
        self.is_open = threading.Event()

    def __call__(self, peer: socket.socket, request: bytes) -> bool:
        """The script."""
        if HELD in request.split(b"\r\n", 1)[0]:
            self.is_open.wait()
        peer.sendall(OK)
        return True


@contextmanager
def serving(
    folder: Path, gate: Gate, policies: tuple[Policy, ...] = (), rate: Rate | None = None
) -> Iterator[tuple[RawUpstream, GatewayProcess]]:
    """The service, and a gateway of one worker in front of it."""
    home = Home(folder)
    with RawUpstream(gate) as upstream:
        snapshot: Snapshot = make_snapshot([make_version(upstream.port, policies=policies)], rate=rate)
        home.install(snapshot, records(home))
        gateway = GatewayProcess(home)
        try:
            yield upstream, gateway.wait_ready()
        finally:
            gate.is_open.set()
            gateway.stop()


def call(path: bytes, key: str, name: str = "") -> bytes:
    """The bytes of a call."""
    return b"GET /bank/v1/%s HTTP/1.1\r\nHost: a\r\nX-API-Key: %s\r\nX-Who: %s\r\n\r\n" % (
        path, key.encode(), name.encode(),
    )  # fmt: skip


def answered(gateway: GatewayProcess, key: str, calls: int = CALLS) -> Counter[int]:
    """The statuses of calls on a connection, one after another."""
    with RawClient(gateway.port) as client:
        return Counter(client.send(call(AT_ONCE, key)).read_answer()[0] for _ in range(calls))


def test_who_holds_all_places_of_their_own_holds_none_of_another(tmp_path: Path) -> None:
    gate = Gate()
    limit = Policy("concurrency-limit", {"most": PLACES, "by": "application"})
    with serving(tmp_path, gate, (limit,)) as (upstream, gateway), ExitStack() as stack:
        first = [stack.enter_context(RawClient(gateway.port)) for _ in range(PLACES)]
        for client in first:
            client.send(call(HELD, KEY))
        wait_until(lambda: len(upstream.requests) == PLACES, "all places are taken")
        assert answered(gateway, KEY) == {429: CALLS}
        assert answered(gateway, OTHER) == {200: CALLS}
        others = [stack.enter_context(RawClient(gateway.port)) for _ in range(PLACES)]
        for client in others:
            client.send(call(HELD, OTHER))
        wait_until(lambda: len(upstream.requests) == 2 * PLACES + CALLS, "the other has as many places")
        gate.is_open.set()
        assert {client.read_answer()[0] for client in (*first, *others)} == {200}


def test_who_spends_all_of_their_rate_spends_none_of_another(tmp_path: Path) -> None:
    with serving(tmp_path, Gate(), rate=Rate(1, 3600, CALLS)) as (_, gateway):
        assert answered(gateway, KEY, 3 * CALLS) == {200: CALLS, 429: 2 * CALLS}
        assert answered(gateway, OTHER) == {200: CALLS}


def test_a_call_waits_for_no_backlog_of_another(tmp_path: Path) -> None:
    with serving(tmp_path, Gate()) as (upstream, gateway), ExitStack() as stack:
        for _ in range(FLOOD):
            stack.enter_context(RawClient(gateway.port)).send(call(AT_ONCE, KEY, "flood") * BACKLOG)
        wait_until(lambda: len(upstream.requests) >= FLOOD, "the backlog is worked at")
        with RawClient(gateway.port) as client:
            assert client.send(call(AT_ONCE, OTHER, "other")).read_answer()[0] == 200
        asked = [b"X-Who: other" in request for request in list(upstream.requests)]
        assert asked.count(True) == 1
        assert len(asked) < FLOOD * BACKLOG


@pytest.mark.parametrize("places", [0, PLACES], ids=["without-limits", "with-places"])
def test_a_flood_refuses_no_call_of_another(
    tmp_path: Path, places: int, record_property: Callable[[str, object], None]
) -> None:
    policies = (Policy("concurrency-limit", {"most": places, "by": "application"}),) if places else ()
    with serving(tmp_path, Gate(), policies) as (_, gateway):
        alone = _p99(gateway)
        command = [sys.executable, "-m", "tests.wire.flooding", str(gateway.port), str(FLOOD)]
        with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as flood:
            assert flood.stdout is not None
            assert flood.stdout.readline() == "on\n"
            meanwhile = _p99(gateway)
            told = json.loads(flood.communicate()[0])
        record_property("p99_of_the_other_in_a_flood_to_alone", round(meanwhile / alone, 1))
        assert set(told["statuses"]) <= {"200", "429"}
        assert told["broken"] == 0


def _p99(gateway: GatewayProcess) -> float:
    """Seconds; each of its calls is served."""
    seconds = []
    with RawClient(gateway.port) as client:
        for _ in range(2 * CALLS):
            began = time.perf_counter()
            assert client.send(call(AT_ONCE, OTHER)).read_answer()[0] == 200
            seconds.append(time.perf_counter() - began)
    return sorted(seconds)[-1 - len(seconds) // 100]
