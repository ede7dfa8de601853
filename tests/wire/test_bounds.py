"""Callers that are slow or too many are cut off in bounded time, and deny nobody (hostile inputs 9 and 23)."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream, answer_with

GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()
POST = f"POST /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\nContent-Length: 100000\r\n\r\n".encode()
STEP_S = 1.0
LATEST_S = 4.0
MOST = 50


@pytest.fixture(scope="module")
def strict(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway with little patience."""
    home = Home(tmp_path_factory.mktemp("strict"))
    home.install(make_snapshot([make_version(upstream.port, timeout_ms=1000)]))
    options = ("--head-timeout", "1", "--idle-timeout", "1", "--body-timeout", "1", "--max-connections", str(MOST))
    process = GatewayProcess(home, options=options)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def seconds_until_cut(client: RawClient, drip: bytes) -> float:
    """How long a caller that sends a byte now and then is kept."""
    began = time.monotonic()
    client.socket.settimeout(0.2)
    while time.monotonic() - began < LATEST_S * 2:
        try:
            client.socket.sendall(drip)
            if not client.socket.recv(4096):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nX-Slow: ", POST])
def test_caller_that_drips_is_cut_off(strict: GatewayProcess, upstream: RawUpstream, start: bytes) -> None:
    with RawClient(strict.port) as client:
        client.send(start)
        assert STEP_S / 2 < seconds_until_cut(client, b"a" if start else b"") < LATEST_S
    with RawClient(strict.port) as client:
        assert client.send(GET).read_answer()[0] == 200


def test_caller_that_does_not_read_is_cut_off_and_its_upstream_freed(
    strict: GatewayProcess, upstream: RawUpstream
) -> None:
    ended: list[float] = []

    def script(peer: socket.socket, _request: bytes) -> bool:
        try:
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100_000_000)
        except OSError:
            ended.append(time.monotonic())
        return False

    upstream.script = script
    began = time.monotonic()
    with RawClient(strict.port) as client:
        client.send(GET)
        while not ended and time.monotonic() - began < LATEST_S * 2:
            time.sleep(0.05)
    assert ended
    assert ended[0] - began < LATEST_S


def test_too_many_connections_are_told_so_and_room_comes_back(strict: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.script = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    time.sleep(2.5)  # those of earlier tests are gone
    with ExitStack() as stack:
        for _ in range(MOST):
            stack.enter_context(RawClient(strict.port))
        time.sleep(0.2)
        with RawClient(strict.port) as client:
            status, head, body = client.read_answer()
        assert (status, b'"code":"overloaded"' in body, b"Retry-After: 1" in head) == (503, True, True)
    time.sleep(0.5)
    with RawClient(strict.port) as client:
        assert client.send(GET).read_answer()[0] == 200


def test_few_file_descriptors_shed_and_recover(upstream: RawUpstream, tmp_path: Path) -> None:
    upstream.script = answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
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
        time.sleep(2.5)
        with RawClient(gateway.port) as client:
            assert client.send(GET).read_answer()[0] == 200
        assert gateway.status()["workers"][0]["stats"]["restarts"] == 0  # type: ignore[index]
    finally:
        gateway.stop()
