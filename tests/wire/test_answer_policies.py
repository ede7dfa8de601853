"""Compression of answers, and limits of calls at once, on the wire."""

from __future__ import annotations

import base64
import gzip
import hashlib
import socket
import threading
import time
import zlib
from collections.abc import Iterator

import pytest

from tests.waiting import PATIENCE_S
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.policies import call, policies_of
from tests.wire.raw import RawClient, RawUpstream, answer_with

WS_KEY = base64.b64encode(b"0123456789abcdef")
PAGE = b'{"text": "' + b"abc " * 500 + b'"}'


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Two workers; v1 is plain."""
    home = Home(tmp_path_factory.mktemp("gateway"))
    sets = {
        "small": [{"compression": {}}],
        "tried": [{"compression": {"shadow": True}}],
        "narrow": [{"concurrency-limit": {"most": 2}}],
        "tunnel": [{"concurrency-limit": {"most": 1}}, {"key-auth": {"anonymous": True}}],
        "closed": [{"compression": {"least": 1}}, {"fixed-answer": {"status": 503, "body": "closed " * 20}}],
    }
    versions = [make_version(upstream.port)]
    versions += [
        make_version(upstream.port, id=f"ver_{name}", name=name, policies=policies_of(written))
        for name, written in sets.items()
    ]
    home.install(make_snapshot(versions))
    process = GatewayProcess(home, workers=2)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def answer(
    extra: str = "", *, body: bytes = PAGE, content_type: str = "application/json", status: str = "200 OK"
) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


GZIP = "Accept-Encoding: gzip\r\n"


def test_an_answer_is_compressed_for_a_caller_who_takes_it(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.script = answer_with(answer('ETag: "v1"\r\nAccept-Ranges: bytes\r\nContent-MD5: x\r\nVary: Origin\r\n'))
    status, fields, body = call(gateway, "/small/accounts", "Accept-Encoding: br, gzip;q=0.5\r\n")
    assert (status, gzip.decompress(body), fields["content-encoding"]) == (200, PAGE, "gzip")
    assert fields["content-length"] == str(len(body))
    assert len(body) < len(PAGE)
    assert fields["etag"] == 'W/"v1"'
    assert fields["vary"] == "Accept-Encoding"  # the last line; Origin stands before it
    assert "accept-ranges" not in fields
    assert "content-md5" not in fields


@pytest.mark.parametrize(
    ("extra", "script", "varies"),
    [
        ("", answer(), True),
        ("Accept-Encoding: gzip;q=0\r\n", answer(), True),
        ("Accept-Encoding: identity, *;q=0.0\r\n", answer(), True),
        (GZIP, answer("Content-Encoding: br\r\n"), False),
        (GZIP, answer("Cache-Control: public, no-transform\r\n"), False),
        (GZIP, answer("Content-Range: bytes 0-9/99\r\n", status="206 Partial Content"), False),
        (GZIP, answer(content_type="image/png"), False),
        (GZIP, answer(body=b"{}"), False),
    ],
)
def test_other_answers_stay_as_they_are(
    gateway: GatewayProcess, upstream: RawUpstream, extra: str, script: bytes, *, varies: bool
) -> None:
    upstream.script = answer_with(script)
    _, fields, body = call(gateway, "/small/accounts", extra)
    assert script.endswith(b"\r\n\r\n" + body)
    assert fields.get("content-encoding") in {None, "br"}
    assert ("vary" in fields) is varies


def test_an_answer_to_head_says_that_it_varies_and_is_not_coded(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.script = answer_with(answer(body=b"").replace(b"Content-Length: 0", b"Content-Length: 5000"))
    status, fields, _ = call(gateway, "/small/accounts", GZIP, method="HEAD")
    assert (status, fields["vary"], fields["content-length"]) == (200, "Accept-Encoding", "5000")
    assert "content-encoding" not in fields


def test_an_event_stream_is_compressed_as_it_comes(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    may_go_on = threading.Event()

    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.sendall(b"9\r\ndata: 1\n\n\r\n")
        may_go_on.wait(PATIENCE_S)
        peer.sendall(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")
        return True

    upstream.script = script
    coder = zlib.decompressobj(31)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=PATIENCE_S) as client:
        client.sendall(f"GET /bank/small/accounts HTTP/1.0\r\nHost: a\r\nX-API-Key: {KEY}\r\n{GZIP}\r\n".encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += client.recv(65_536)
        text = coder.decompress(received.partition(b"\r\n\r\n")[2])
        while b"data: 1" not in text:
            text += coder.decompress(client.recv(65_536))
        assert b"data: 2" not in text
        may_go_on.set()
        while content := client.recv(65_536):
            text += coder.decompress(content)
    assert text == b"data: 1\n\ndata: 2\n\n"
    assert coder.eof


def test_the_answer_of_another_policy_is_compressed(gateway: GatewayProcess) -> None:
    status, fields, body = call(gateway, "/closed/accounts", GZIP)
    assert (status, fields["content-encoding"], gzip.decompress(body)) == (503, "gzip", b"closed " * 20)


def test_compression_in_shadow_changes_nothing(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.script = answer_with(answer())
    _, fields, body = call(gateway, "/tried/accounts", GZIP)
    assert (body, "vary" in fields) == (PAGE, False)


def begin(gateway: GatewayProcess) -> RawClient:
    client = RawClient(gateway.port)
    return client.send(f"GET /bank/narrow/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode())


def wait_until_open(gateway: GatewayProcess) -> None:
    """Return once a call passes, and is over."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with begin(gateway) as client:
            if client.read_answer()[0] == 200:
                return
        time.sleep(0.02)
    raise AssertionError("calls under way are never forgotten")


def test_more_calls_at_once_than_the_limit_are_refused_whichever_worker_has_them(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    may_answer = threading.Event()
    plain = answer_with(answer())

    def script(peer: socket.socket, request: bytes) -> bool:
        may_answer.wait(PATIENCE_S)
        return plain(peer, request)

    upstream.script = script
    clients = [begin(gateway) for _ in range(2)]
    deadline = time.monotonic() + PATIENCE_S
    while len(upstream.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    for _ in range(8):  # over both workers
        status, fields, body = call(gateway, "/narrow/accounts")
        assert (status, fields["retry-after"], b"concurrency-limited" in body) == (429, "1", True)
    may_answer.set()
    assert [client.read_answer()[0] for client in clients] == [200, 200]
    assert call(gateway, "/narrow/accounts")[0] == 200
    for client in clients:
        client.socket.close()


def test_a_killed_worker_takes_its_calls_along(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    release = threading.Event()

    def script(_peer: socket.socket, _request: bytes) -> bool:
        release.wait(PATIENCE_S)
        return False

    upstream.script = script
    clients = [begin(gateway) for _ in range(2)]
    deadline = time.monotonic() + PATIENCE_S
    while len(upstream.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    for number in range(2):
        gateway.kill_worker(number)
    upstream.script = answer_with(answer())
    release.set()
    wait_until_open(gateway.wait_ready())
    for client in clients:
        client.socket.close()


def test_a_tunnel_is_under_way_until_it_ends_and_may_be_anonymous(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    accept = base64.b64encode(hashlib.sha1(WS_KEY + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()  # noqa: S324 - RFC 6455
    switch = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    may_end = threading.Event()

    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(f"{switch}Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        may_end.wait(PATIENCE_S)
        return False

    upstream.script = script
    handshake = (
        b"GET /bank/tunnel/accounts HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + WS_KEY + b"\r\n\r\n"
    )
    with RawClient(gateway.port) as client:
        assert client.send(handshake).read_answer()[0] == 101
        assert call(gateway, "/tunnel/accounts", key="")[0] == 429
        upstream.script = answer_with(answer())
        may_end.set()
    deadline = time.monotonic() + PATIENCE_S
    while (status := call(gateway, "/tunnel/accounts", key="")[0]) == 429 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert status == 200
