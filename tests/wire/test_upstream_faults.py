"""Upstreams that fail or lie: an error or an answer cut short, and no poisoned pool.

Promises H15.
"""

from __future__ import annotations

import socket
import threading

import pytest

from tests.waiting import PATIENCE_S
from tests.wire.gateways import KEY, GatewayProcess
from tests.wire.raw import OK, RawClient, RawUpstream, answer_with

GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()
POST = f"POST /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\nContent-Length: 2\r\n\r\nhi".encode()


def close_at_once(_peer: socket.socket, _request: bytes) -> bool:
    """Close without an answer."""
    return False


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100,
        b"HTTP/1.1 200 OK\r\nX-Endless: " + b"x" * 100_000,
        b"HTTP/2 200\r\n\r\n",
    ],
)
def test_malformed_answer_is_502_and_the_next_one_is_right(
    gateway: GatewayProcess, upstream: RawUpstream, answer: bytes
) -> None:
    upstream.script = answer_with(answer)
    with RawClient(gateway.port) as client:
        status, _, body = client.send(GET).read_answer()
        assert (status, b'"code":"upstream-invalid"' in body) == (502, True)
        upstream.script = answer_with(OK)
        assert client.send(GET).read_answer()[2] == b"ok"


def test_bytes_after_an_answer_are_never_given_to_the_next_request(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    upstream.script = answer_with(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
    with RawClient(gateway.port) as client:
        assert client.send(GET).read_answer()[2] == b"ok"
        upstream.script = answer_with(OK)
        for _ in range(5):
            assert client.send(GET).read_answer()[2] == b"ok"


def test_answer_cut_short_is_cut_short_for_the_client_too(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        return False

    upstream.script = script
    with RawClient(gateway.port) as client:
        answer = client.send(GET).read_to_end()
    assert answer.count(b"HTTP/1.1") == 1
    assert len(answer.partition(b"\r\n\r\n")[2]) < 100


def test_chunked_answer_cut_short_never_looks_whole(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n")
        return False

    upstream.script = script
    with RawClient(gateway.port) as client:
        assert not client.send(GET).read_to_end().endswith(b"0\r\n\r\n")


def test_answer_ended_by_close_is_whole(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        return False

    upstream.script = script
    with RawClient(gateway.port) as client:
        assert client.send(GET).read_answer()[2] == b"d\r\nuntil the end\r\n0\r\n\r\n"


def test_silent_upstream_is_504(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    is_over = threading.Event()

    def script(_peer: socket.socket, _request: bytes) -> bool:
        return is_over.wait(PATIENCE_S)  # in this test it has nothing to say

    upstream.script = script
    with RawClient(gateway.port) as client:
        status, _, body = client.send(GET.replace(b"/v1/", b"/v5/")).read_answer()
    is_over.set()
    assert (status, b'"code":"upstream-timeout"' in body) == (504, True)


def test_upstream_that_closes_on_every_request_is_502(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.script = close_at_once
    with RawClient(gateway.port) as client:
        for request in (GET, POST):
            status, _, body = client.send(request).read_answer()
            assert (status, b'"code":"upstream-unreachable"' in body) == (502, True)
            assert str(upstream.port).encode() not in body


def test_early_answer_ends_the_upload_and_reaches_the_client(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.script = answer_with(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    head = f"POST /bank/v4/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\nContent-Length: 1000000\r\n\r\n".encode()
    with RawClient(gateway.port) as client:
        upstream.reads_bodies = False
        try:
            status, answer, body = client.send(head + b"x" * 1000).read_answer()
        finally:
            upstream.reads_bodies = True
    assert (status, body) == (403, b"no")
    assert b"connection: close" in answer.lower()
    with RawClient(gateway.port) as client:
        upstream.script = answer_with(OK)
        assert client.send(GET.replace(b"/v1/", b"/v4/")).read_answer()[2] == b"ok"
