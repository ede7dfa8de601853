"""Server-sent events and other long answers pass as they come, and may be silent for as long as their version says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from gateway_sync.snapshot import Policy
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawUpstream

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n%s\r\n"
CHUNKED = HEAD % b"Transfer-Encoding: chunked\r\n"
UNTIL_CLOSE = HEAD % b"Connection: close\r\n"
TIMEOUT_S = 1


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """The service must answer within a second; v1 may then be silent for as long as anybody waits, v2 may not."""
    home = Home(tmp_path_factory.mktemp("gateway"))
    patient = (Policy("streaming", {"idle": int(PATIENCE_S)}),)
    home.install(
        make_snapshot(
            [
                make_version(upstream.port, timeout_ms=TIMEOUT_S * 1000, policies=patient),
                make_version(upstream.port, timeout_ms=TIMEOUT_S * 1000, id="ver_2", name="v2"),
            ]
        )
    )
    process = GatewayProcess(home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


@pytest.mark.parametrize(("head", "frame"), [(CHUNKED, b"%x\r\n%s\r\n"), (UNTIL_CLOSE, b"")])
def test_each_event_arrives_before_the_next_one_is_sent(
    gateway: GatewayProcess, upstream: RawUpstream, head: bytes, frame: bytes
) -> None:
    turn = threading.Semaphore(0)

    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(head)
        for number in range(5):
            event = b"data: %d\n\n" % number
            peer.sendall(frame % (len(event), event) if frame else event)
            turn.acquire(timeout=PATIENCE_S)
        peer.sendall(b"0\r\n\r\n" if frame else b"")
        return False

    upstream.script = script
    url = f"http://127.0.0.1:{gateway.port}/bank/v1/accounts"
    seen = []
    with httpx.stream("GET", url, headers={"X-API-Key": KEY}, timeout=PATIENCE_S) as answer:
        for line in answer.iter_lines():
            if line:
                seen.append(line)
                turn.release()
    assert seen == [f"data: {number}" for number in range(5)]


def test_silence_longer_than_the_timeout_is_what_the_version_says(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    was_cut = threading.Event()

    def script(peer: socket.socket, request: bytes) -> bool:
        peer.sendall(UNTIL_CLOSE + b"data: 1\n\n")
        if b"impatient" in request:
            peer.settimeout(PATIENCE_S)
            if not peer.recv(1):
                was_cut.set()
        else:
            was_cut.wait(PATIENCE_S)
            peer.sendall(b"data: 2\n\n")
        return False

    upstream.script = script
    base = f"http://127.0.0.1:{gateway.port}/bank"
    with httpx.stream("GET", f"{base}/v1/accounts", headers={"X-API-Key": KEY}, timeout=PATIENCE_S) as patient:
        lines = patient.iter_lines()
        assert next(lines) == "data: 1"
        with (
            httpx.stream(
                "GET", f"{base}/v2/accounts", headers={"X-API-Key": KEY, "X-Is": "impatient"}, timeout=PATIENCE_S
            ) as impatient,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            impatient.read()
        wait_until(was_cut.is_set, "the end of the impatient one, in which the patient one was silent too")
        assert [line for line in lines if line] == ["data: 2"]
