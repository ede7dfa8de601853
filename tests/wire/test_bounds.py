"""Callers that are slow or too many are cut off in bounded time, and deny nobody (hostile inputs 9 and 23)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S, wait_until
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream

GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()
POST = f"POST /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\nContent-Length: 100000\r\n\r\n".encode()
MOST = 50


@pytest.fixture(scope="module")
def strict(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with little patience."""
    home = Home(tmp_path_factory.mktemp("strict"))
    home.install(make_snapshot([make_version(upstream.port, timeout_ms=600_000)]))  # no help: callers have their own
    process = GatewayProcess(home, options=("--head-timeout", "1", "--idle-timeout", "1", "--body-timeout", "1"))
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def is_served(gateway: GatewayProcess) -> bool:
    """True when a caller gets an answer; False when it is cut off, as one is that was not scheduled for long."""
    try:
        with RawClient(gateway.port) as client:
            return client.send(GET).read_answer()[0] == 200
    except OSError:
        return False


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nX-Slow: ", POST])
def test_caller_that_drips_is_cut_off(strict: GatewayProcess, upstream: RawUpstream, start: bytes) -> None:
    drip = b"a" if start else b""

    def is_cut() -> bool:
        try:
            client.socket.sendall(drip)
            return not client.socket.recv(4096)
        except TimeoutError:
            return False
        except OSError:
            return True

    with RawClient(strict.port) as client:
        client.send(start)
        client.socket.settimeout(0.2)
        wait_until(is_cut, "cut off")
    wait_until(lambda: is_served(strict), "others are served")


def test_caller_that_sends_no_body_is_cut_off(strict: GatewayProcess, upstream: RawUpstream) -> None:
    with RawClient(strict.port) as client:  # whether there is a connection to the service already or is none
        client.send(POST)
        assert client.socket.recv(4096) == b""


def test_service_has_its_own_time_once_the_body_is_whole(strict: GatewayProcess, upstream: RawUpstream) -> None:
    def script(peer: socket.socket, _request: bytes) -> bool:
        time.sleep(1.6)  # longer than a caller may take between two parts of its body
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        return False

    upstream.script = script
    head = POST.replace(b"100000", b"2")
    with RawClient(strict.port) as client:
        client.send(head)
        client.send(b"a")
        wait_until(lambda: strict.status()["workers"] != [], "the gateway read the first part")
        assert client.send(b"b").read_answer()[0] == 200


def test_caller_that_does_not_read_is_cut_off_and_its_upstream_freed(
    strict: GatewayProcess, upstream: RawUpstream
) -> None:
    is_freed = threading.Event()

    def script(peer: socket.socket, _request: bytes) -> bool:
        try:
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100_000_000)
        except OSError:
            is_freed.set()
        return False

    upstream.script = script
    with RawClient(strict.port) as client:
        client.send(GET)
        assert is_freed.wait(PATIENCE_S)


def test_too_many_connections_are_told_so_and_room_comes_back(upstream: RawUpstream, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.install(make_snapshot([make_version(upstream.port)]))
    gateway = GatewayProcess(home, options=("--max-connections", str(MOST))).wait_ready()
    try:
        with ExitStack() as stack:
            for _ in range(MOST):
                stack.enter_context(RawClient(gateway.port))
            with RawClient(gateway.port) as client:
                status, head, body = client.read_answer()
            assert (status, b'"code":"overloaded"' in body, b"Retry-After: 1" in head) == (503, True, True)
        wait_until(lambda: is_served(gateway), "room is back")
    finally:
        gateway.stop()


def test_few_file_descriptors_shed_and_recover(upstream: RawUpstream, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.install(make_snapshot([make_version(upstream.port)]))
    gateway = GatewayProcess(home, command=("prlimit", "--nofile=256:256")).wait_ready()
    try:
        with ExitStack() as stack:
            clients = [stack.enter_context(RawClient(gateway.port)) for _ in range(400)]
            answered = []
            for client in clients:
                try:
                    answered.append(client.send(GET).read_answer()[0])
                except OSError:
                    answered.append(0)
        assert set(answered) <= {0, 200, 503}
        assert answered.count(200) >= 50
        wait_until(lambda: is_served(gateway), "room is back")
        assert gateway.status()["workers"][0]["stats"]["restarts"] == 0  # type: ignore[index]
    finally:
        gateway.stop()
