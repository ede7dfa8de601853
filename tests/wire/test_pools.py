"""Pools of targets: which one gets a call, what failing ones get, how many calls go at once."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from gateway_sync.snapshot import Target
from tests.ports import free_ports
from tests.waiting import wait_until
from tests.wire.gateways import GatewayProcess, Home, make_snapshot, make_version
from tests.wire.pools import FAILED, GET, ask, gateway, get, named
from tests.wire.raw import OK, RawClient, RawUpstream, answer_with


def test_round_robin_follows_the_weights(tmp_path: Path) -> None:
    changes: list[dict[str, object]] = [{"weight": 300}, {"weight": 100}]
    with gateway(tmp_path, [named("a"), named("b")], {"balancing": {}}, changes) as process:
        found = Counter(body for _, body in ask(process.port, 40))
    assert found == {b"a": 30, b"b": 10}


def test_least_requests_avoids_the_busy_target(tmp_path: Path) -> None:
    release = threading.Event()

    def slow(peer: socket.socket, _request: bytes) -> bool:
        release.wait(30)
        peer.sendall(OK)
        return True

    settings: dict[str, object] = {"balancing": {"algorithm": "least-requests"}}
    slow_target = RawUpstream(slow)
    with gateway(tmp_path, [slow_target, named("b")], settings) as process, ExitStack() as stack:
        stack.callback(release.set)
        while not slow_target.requests:
            client = stack.enter_context(RawClient(process.port)).send(GET)
            wait_until(lambda client=client: bool(slow_target.requests or _readable([client])))
        assert ask(process.port, 10) == [(200, b"b")] * 10


def test_equal_hashes_meet_the_same_target(tmp_path: Path) -> None:
    settings: dict[str, object] = {
        "balancing": {"algorithm": "consistent-hash", "hashOn": "header", "name": "X-Session"}
    }
    upstreams = [named(name) for name in "abc"]
    requests = [get(f"X-Session: u{number}") for number in range(30)]
    with gateway(tmp_path, upstreams, settings) as process:
        first, second = ask(process.port, 30, *requests), ask(process.port, 30, *requests)
        assert first == second
        assert {body for _, body in first} == {b"a", b"b", b"c"}


def test_a_sticky_cookie_brings_a_caller_back_and_tells_no_address(tmp_path: Path) -> None:
    settings: dict[str, object] = {"balancing": {"algorithm": "sticky-cookie", "name": "route"}}
    upstreams = [named("a"), named("b")]
    with gateway(tmp_path, upstreams, settings) as process, RawClient(process.port) as client:
        _, head, body = client.send(GET).read_answer()
        line = next(line for line in head.split(b"\r\n") if line.startswith(b"Set-Cookie: route="))
        token = line.removeprefix(b"Set-Cookie: route=").split(b";")[0].decode()
        assert line.endswith(b"; Path=/bank/v1; HttpOnly; SameSite=Lax")
        assert str(upstreams[0].port) not in token
        for _ in range(6):
            _, head, again = client.send(get(f"Cookie: x=1; route={token}")).read_answer()
            assert again == body
            assert b"Set-Cookie" not in head
        assert client.send(get("Cookie: route=forged")).read_answer()[0] == 200


def test_the_next_priority_serves_only_while_none_of_the_better_can(tmp_path: Path) -> None:
    (dead,) = free_ports(1)
    backup, first = named("backup"), named("first")
    with first, backup:
        home = Home(tmp_path)
        targets = (
            Target("http", "127.0.0.1", first.port, "", 100),
            Target("http", "127.0.0.1", backup.port, "", 100, priority=1),
        )
        home.install(make_snapshot([make_version(0, targets=targets)]))
        process = GatewayProcess(home).wait_ready()
        try:
            assert {body for _, body in ask(process.port, 5)} == {b"first"}
        finally:
            process.stop()
        home = Home(tmp_path / "other")
        targets = (Target("http", "127.0.0.1", dead, "", 100), targets[1])
        home.install(make_snapshot([make_version(0, targets=targets)]))
        process = GatewayProcess(home).wait_ready()
        try:
            assert ask(process.port, 5) == [(200, b"backup")] * 5
        finally:
            process.stop()


def test_a_failing_target_is_ejected_and_comes_back(tmp_path: Path) -> None:
    failing = RawUpstream(answer_with(FAILED))
    settings: dict[str, object] = {"ejection": {"failures": 3, "for": "2s"}}
    with gateway(tmp_path, [failing, named("b")], settings) as process:
        statuses = [status for status, _ in ask(process.port, 40)]
        assert statuses.count(503) == 3
        failing.script = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
        wait_until(lambda: (200, b"a") in ask(process.port, 2))


def test_half_of_the_targets_at_most_are_ejected(tmp_path: Path) -> None:
    settings: dict[str, object] = {"ejection": {"failures": 1, "for": "1h"}}
    upstreams = [RawUpstream(answer_with(FAILED)) for _ in range(2)]
    with gateway(tmp_path, upstreams, settings) as process:
        assert [status for status, _ in ask(process.port, 10)] == [503] * 10
        assert sum(len(upstream.requests) for upstream in upstreams) == 10


def test_the_breaker_opens_and_closes_after_good_trials(tmp_path: Path) -> None:
    service = RawUpstream(answer_with(FAILED))
    settings: dict[str, object] = {"breaker": {"minimumCalls": 5, "openFor": "1s", "trials": 2}}
    with gateway(tmp_path, [service], settings) as process:
        with RawClient(process.port) as client:
            answers = [client.send(GET).read_answer() for _ in range(9)]
        assert len(service.requests) == 5
        assert [b"no-healthy-target" in body for _, _, body in answers] == [False] * 5 + [True] * 4
        assert b"Retry-After: " in answers[-1][1]
        service.script = answer_with(OK)
        wait_until(lambda: ask(process.port, 1) == [(200, b"ok")])
        assert ask(process.port, 10) == [(200, b"ok")] * 10


def test_calls_wait_for_a_connection_in_their_turn_and_the_rest_is_refused(tmp_path: Path) -> None:
    release = threading.Event()
    under_way: list[int] = []

    def slow(peer: socket.socket, _request: bytes) -> bool:
        under_way.append(1)
        release.wait(30)
        peer.sendall(OK)
        return True

    settings: dict[str, object] = {"limits": {"connections": 2, "pending": 1}}
    service = RawUpstream(slow)
    with gateway(tmp_path, [service], settings) as process, ExitStack() as stack:
        stack.callback(release.set)
        clients = [stack.enter_context(RawClient(process.port)) for _ in range(4)]
        for number, client in enumerate(clients[:2]):
            client.send(GET)
            wait_until(lambda number=number: len(under_way) == number + 1)
        for client in clients[2:]:
            client.send(GET)
        wait_until(lambda: bool(_readable(clients[2:])))
        (refused,) = _readable(clients[2:])
        status, _, body = refused.read_answer()
        assert (status, b"overloaded" in body) == (503, True)
        assert len(under_way) == 2
        release.set()
        assert [client.read_answer()[0] for client in clients if client is not refused] == [200, 200, 200]


def _readable(clients: list[RawClient], wait_s: float = 0) -> list[RawClient]:
    """Those that have an answer to read, or get one within the time."""
    ready = select.select([client.socket for client in clients], [], [], wait_s)[0]
    return [client for client in clients if client.socket in ready]


def test_who_leaves_the_line_makes_room_in_it(tmp_path: Path) -> None:
    release = threading.Event()

    def slow(peer: socket.socket, _request: bytes) -> bool:
        release.wait(60)
        peer.sendall(OK)
        return True

    service = RawUpstream(slow)
    settings: dict[str, object] = {"limits": {"connections": 1, "pending": 1}, "breaker": {}}
    with gateway(tmp_path, [service], settings) as process, ExitStack() as stack:
        stack.callback(release.set)
        busy = stack.enter_context(RawClient(process.port)).send(GET)
        wait_until(lambda: len(service.requests) == 1)
        with RawClient(process.port) as leaving:
            leaving.send(GET)
            wait_until(lambda: ask(process.port, 1)[0][0] == 503, "the line is full")
            leaving.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        patient = stack.enter_context(RawClient(process.port))
        while _readable([patient.send(GET)], wait_s=0.5):
            assert patient.read_answer()[0] == 503  # the gateway has not seen yet that there is room
        release.set()
        assert busy.read_answer()[0] == 200
        assert patient.read_answer()[0] == 200
