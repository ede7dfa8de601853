"""Bodies pass in a stream, at the pace of the slower side (promise P7)."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

from tests.waiting import PATIENCE_S
from tests.wire.bodies import rss_bytes
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import OK, RawClient, RawUpstream

SIZE = 256 * 2**20
BLOCK = b"x" * 65_536


def head(method: str, extra: str = "") -> bytes:
    """A request to the version without a size limit."""
    return f"{method} /bank/v4/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n{extra}\r\n".encode()


def test_large_answer_streams_to_a_slow_reader_in_little_memory(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    sent = [0]

    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // len(BLOCK)):
            peer.sendall(BLOCK)
            sent[0] += len(BLOCK)
        return True

    upstream.script = script
    (pid,) = gateway.pids()
    before = rss_bytes(pid)
    with RawClient(gateway.port) as client:
        client.send(head("GET"))
        time.sleep(0.5)  # reads nothing: the upstream must be held back, not buffered
        assert sent[0] < SIZE // 4
        grown, received = 0, 0
        while received < SIZE:
            data = client.socket.recv(2**20)
            assert data
            received += len(data)
            grown = max(grown, rss_bytes(pid) - before) if received % 16 == 0 else grown
    assert grown < 8 * 2**20


def test_large_upload_streams_to_a_slow_upstream_in_little_memory(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    size = 64 * 2**20
    received = [0]

    def script(peer: socket.socket, request: bytes) -> bool:
        received[0] = len(request.partition(b"\r\n\r\n")[2])
        time.sleep(0.5)
        while received[0] < size:
            received[0] += len(peer.recv(2**20))
        peer.sendall(OK)
        return True

    upstream.script, upstream.reads_bodies = script, False
    (pid,) = gateway.pids()
    before = rss_bytes(pid)
    progress = [0]

    def send(client: RawClient) -> None:
        for _ in range(size // len(BLOCK)):
            client.socket.sendall(BLOCK)
            progress[0] += len(BLOCK)

    try:
        with RawClient(gateway.port) as client:
            client.send(head("POST", f"Content-Length: {size}\r\n"))
            sender = threading.Thread(target=send, args=(client,))
            sender.start()
            time.sleep(0.3)
            assert progress[0] < size // 2
            assert client.read_answer()[0] == 200
            sender.join()
    finally:
        upstream.reads_bodies = True
    assert received[0] == size
    assert rss_bytes(pid) - before < 16 * 2**20


def test_upload_that_began_before_the_upstream_was_connected_goes_on(upstream: RawUpstream, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.install(make_snapshot([make_version(upstream.port, name="v4")]))
    gateway = GatewayProcess(home)  # a fresh one: it has no connection to the upstream yet
    try:
        gateway.wait_ready()
        with RawClient(gateway.port) as client:
            client.send(head("POST", "Content-Length: 2000\r\n") + b"x" * 1000)
            time.sleep(0.2)
            client.send(b"x" * 1000)
            assert client.read_answer()[0] == 200
    finally:
        gateway.stop()
    assert upstream.requests[0].endswith(b"\r\n\r\n" + b"x" * 2000)


def test_pieces_reach_the_client_as_they_come(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    go = threading.Event()

    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        go.wait(PATIENCE_S)
        peer.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
        return True

    upstream.script = script
    with RawClient(gateway.port) as client:
        client.send(head("GET"))
        seen = b""
        while b"first" not in seen:
            seen += client.socket.recv(4096)
        assert b"second" not in seen
        go.set()
        while b"0\r\n\r\n" not in seen:
            seen += client.socket.recv(4096)
    assert b"second" in seen
