"""The gateway's side of the doors of the control plane: answers whole, cut short, and by the drop (H27)."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from gateway_sync.runtime import control_plane, push
from gateway_sync.runtime.control_plane import ControlPlane, ControlPlaneDown, ControlPlaneRefused
from gateway_sync.runtime.credentials import Doors
from gateway_sync.runtime.pacing import Pacing
from tests.wire.raw import RawUpstream, Script


def post(script: Script, wait_s: float = 0.0) -> bytes:
    """What a control plane that answers so is understood to say."""
    with RawUpstream(script) as server:
        return ControlPlane(lambda: Doors(f"http://127.0.0.1:{server.port}", "token")).post("sync", b"{}", wait_s)


def say(*parts: bytes, hangs_up: bool = False) -> Script:
    """A script that sends the parts; one that hangs up may reset the connection while the question is still read."""

    def script(peer: socket.socket, _request: bytes) -> bool:
        for part in parts:
            peer.sendall(part)
        return not hangs_up

    return script


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"wh", b"le"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nwh\r\n2\r\nle\r\n0\r\n\r\n"),
    ],
    ids=["length", "chunks"],
)
def test_an_answer_is_read_whole(parts: tuple[bytes, ...]) -> None:
    assert post(say(*parts)) == b"whle"


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"wh"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nwh\r\n2\r\n"),
        (b"\0" * 100,),
    ],
    ids=["length", "chunks", "rubbish"],
)
def test_an_answer_that_ends_early_is_none(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(ControlPlaneDown):
        post(say(*parts, hangs_up=True))


@pytest.mark.parametrize(
    ("told", "least_s", "most_s"),
    [(b"3", 3, 4), (b"9" * 400, 8, 9), (b"9" * 5000, 8, 9), (b"\xb2", 0, 2), (b"-5", 0, 2)],
    ids=["seconds", "hundreds of digits", "thousands of digits", "a digit of no number", "less than none"],
)
def test_whatever_it_says_of_when_to_come_back_a_pause_follows_from_it(
    told: bytes, least_s: float, most_s: float
) -> None:
    with pytest.raises(ControlPlaneRefused) as refused:
        post(say(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: " + told + b"\r\n\r\n"))
    assert least_s <= Pacing(2.0, 8.0).pause_s(refused.value) <= most_s


def test_an_answer_that_begins_at_once_and_ends_with_the_wait_is_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_plane, "TIMEOUT_S", 0.1)

    def hold(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        time.sleep(0.4)  # longer than an answer may take that nobody waits for
        peer.sendall(b"{}")
        return True

    assert post(hold, wait_s=30.0) == b"{}"


@pytest.mark.slow
def test_an_answer_by_the_drop_is_given_up() -> None:
    def drip(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(1000):
            try:
                peer.sendall(b"x")
            except OSError:
                break
            time.sleep(0.2)
        return False

    with pytest.raises(ControlPlaneDown, match="too slowly"):
        post(drip)


def test_an_answer_larger_than_any_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_plane, "MOST_BYTES", 3)
    with pytest.raises(ControlPlaneDown, match="too large"):
        post(say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwhole"[:-1]))


def test_a_push_larger_than_any_ends_the_listening(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "MOST_BYTES", 100)

    async def say_too_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$100000\r\n" + b"x" * 200)
        while await reader.read(100):
            pass
        writer.close()
        gone.set()

    async def listen() -> None:
        server = await asyncio.start_server(say_too_much, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            with pytest.raises(push.PushLost, match="larger"):
                async for _ in push.listen(f"redis://127.0.0.1:{port}", "c"):
                    pass
            await gone.wait()

    gone = asyncio.Event()
    asyncio.run(listen())
