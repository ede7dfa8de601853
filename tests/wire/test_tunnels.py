"""Upgrades byte by byte: what is forwarded as one, what is not, and tunnels whose two ends behave as they like."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from gateway_sync.runtime.core.websocket import accept_value
from gateway_sync.snapshot import Policy
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import OK, RawClient, RawUpstream, Script

WS_KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 section 1.3
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s\r\n"
WS_SWITCH = SWITCH % (b"websocket", b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n")
ECHO_SWITCH = SWITCH % (b"echo", b"")
BLOCK = b"x" * 65_536
BLOCKS = 512


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """v1 as it is without a policy; v2 allows the protocol `echo`; v3 too, idle for a second at most."""
    home = Home(tmp_path_factory.mktemp("gateway"))
    echo = {"protocols": ["websocket", "echo"]}
    home.install(
        make_snapshot(
            [
                make_version(upstream.port),
                make_version(upstream.port, id="ver_2", name="v2", policies=(Policy("upgrade", echo),)),
                make_version(upstream.port, id="ver_3", name="v3", policies=(Policy("upgrade", echo | {"idle": 1}),)),
            ]
        )
    )
    process = GatewayProcess(home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def request(
    *fields: str,
    version: str = "v1",
    method: str = "GET",
    minor: int = 1,
    path: str = "accounts",
    end: str = "\r\n\r\n",
) -> bytes:
    lines = [f"{method} /bank/{version}/{path} HTTP/1.{minor}", "Host: a", f"X-API-Key: {KEY}", *fields]
    return ("\r\n".join(lines) + end).encode()


HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    f"Sec-WebSocket-Key: {WS_KEY.decode()}",
)
TO_ECHO = ("Connection: upgrade", "Upgrade: echo")


def switch_and(script: Script, answer: bytes = ECHO_SWITCH) -> Script:
    """A script that turns the connection over and goes on with another script."""

    def switching(peer: socket.socket, head: bytes) -> bool:
        peer.sendall(answer)
        return script(peer, head)

    return switching


def send_back(peer: socket.socket, _head: bytes) -> bool:
    while data := peer.recv(65_536):
        peer.sendall(data)
    return False


def read_exactly(client: RawClient, size: int) -> bytes:
    """So many bytes of the tunnel, those that came with the 101 first."""
    content, client._pending = client._pending[:size], client._pending[size:]
    while len(content) < size:
        data = client.socket.recv(size - len(content))
        assert data, content[:100]
        content += data
    return content


def push_until_held_back(client: RawClient) -> int:
    """The bytes that went out before none did for a second."""
    client.socket.settimeout(1)
    pushed = 0
    try:
        while pushed < BLOCKS * len(BLOCK):
            pushed += client.socket.send(BLOCK)
    except TimeoutError:
        return pushed
    message = "nothing held it back"
    raise AssertionError(message)


def turned(client: RawClient, head: bytes) -> bytes:
    """The head of the 101 that a request got."""
    status, answer, _ = client.send(head).read_answer()
    assert status == 101, answer
    return answer


@pytest.mark.parametrize(
    "head",
    [
        request("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        request("Upgrade: websocket", *HANDSHAKE[2:]),
        request("Connection: close", "Upgrade: websocket", *HANDSHAKE[2:]),
        request(*HANDSHAKE, minor=0),
        request(*HANDSHAKE, "Content-Length: 3", end="\r\n\r\nabc"),
        request(*HANDSHAKE, "Content-Length: 3", method="POST", end="\r\n\r\nabc"),
        request(*HANDSHAKE, method="POST"),
        request("Connection: Upgrade", "Upgrade: echo"),
        request("Connection: Upgrade", "Upgrade: TLS/1.0"),
    ],
)
def test_what_is_no_allowed_upgrade_is_forwarded_as_a_plain_request(
    gateway: GatewayProcess, upstream: RawUpstream, head: bytes
) -> None:
    with RawClient(gateway.port) as client:
        assert client.send(head).read_answer()[0] == 200
    (seen,) = upstream.requests
    assert b"upgrade" not in seen.lower()


@pytest.mark.parametrize(
    "fields",
    [
        HANDSHAKE[:3],
        (*HANDSHAKE[:3], "Sec-WebSocket-Key: short"),
        (*HANDSHAKE, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
    ],
)
def test_handshake_without_one_key_is_refused(
    gateway: GatewayProcess, upstream: RawUpstream, fields: tuple[str, ...]
) -> None:
    with RawClient(gateway.port) as client:
        assert client.send(request(*fields)).read_answer()[0] == 400
    assert upstream.requests == []


def test_handshake_is_forwarded_and_answered_with_the_fields_of_this_hop_written_anew(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    upstream.script = switch_and(send_back, WS_SWITCH)
    with RawClient(gateway.port) as client:
        answer = turned(client, request("Connection: keep-alive, Upgrade, X-Mine", "X-Mine: 1", *HANDSHAKE[1:]))
    (seen,) = upstream.requests
    assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" in seen
    assert b"x-mine" not in seen.lower()
    assert seen.lower().count(b"\r\nupgrade:") == 1
    assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" in answer
    assert b"\r\nSec-WebSocket-Accept: " + ACCEPT in answer
    assert b"\r\nX-Request-Id: " in answer
    assert accept_value(WS_KEY) == ACCEPT


@pytest.mark.parametrize(
    "answer",
    [
        SWITCH % (b"websocket", b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"),
        SWITCH % (b"websocket", b""),
        SWITCH % (b"h2c", b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n"),
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n",
        WS_SWITCH.replace(b"Connection", b"Content-Length: 5\r\nConnection"),
    ],
)
def test_switch_that_was_not_asked_for_is_a_bad_gateway(
    gateway: GatewayProcess, upstream: RawUpstream, answer: bytes
) -> None:
    def script(peer: socket.socket, _head: bytes) -> bool:
        peer.sendall(answer)
        return True

    upstream.script = script
    with RawClient(gateway.port) as client:
        status, _, body = client.send(request(*HANDSHAKE)).read_answer()
    assert (status, b"upstream-invalid" in body) == (502, True)


def test_refused_upgrade_leaves_the_connection_with_http(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    def script(peer: socket.socket, head: bytes) -> bool:
        is_upgrade = b"Upgrade: websocket" in head
        peer.sendall(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n" if is_upgrade else OK)
        return True

    upstream.script = script
    hidden = request(path="closed")  # what comes ahead is a request and is checked as one
    with RawClient(gateway.port) as client:
        client.send(request(*HANDSHAKE) + hidden + request())
        assert [client.read_answer()[0] for _ in range(3)] == [426, 403, 200]
    assert not any(b"/closed" in seen for seen in upstream.requests)


def test_bytes_that_come_early_on_either_side_are_in_the_tunnel(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    upstream.script = switch_and(send_back, ECHO_SWITCH + b"early")
    with RawClient(gateway.port) as client:
        turned(client, request(*TO_ECHO, version="v2") + b"first")
        assert read_exactly(client, 10) == b"earlyfirst"


def test_each_side_may_end_first(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    def answer_at_the_end(peer: socket.socket, _head: bytes) -> bool:
        content = b""
        while data := peer.recv(65_536):
            content += data
        peer.sendall(content[::-1])
        return False

    upstream.script = switch_and(answer_at_the_end)
    with RawClient(gateway.port) as client:
        turned(client, request(*TO_ECHO, version="v2"))
        client.send(b"abc").socket.shutdown(socket.SHUT_WR)
        assert client.read_to_end() == b"cba"

    heard: list[bytes] = []

    def say_and_listen(peer: socket.socket, _head: bytes) -> bool:
        peer.sendall(b"that is all")
        peer.shutdown(socket.SHUT_WR)
        while data := peer.recv(65_536):
            heard.append(data)
        return False

    upstream.script = switch_and(say_and_listen)
    with RawClient(gateway.port) as client:
        turned(client, request(*TO_ECHO, version="v2"))
        assert client.read_to_end() == b"that is all"
        client.send(b"understood")
        client.socket.shutdown(socket.SHUT_WR)
        wait_until(lambda: b"".join(heard) == b"understood", "what came after the end")


def test_slow_reader_holds_the_sender_back_in_both_directions(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    sent = [0]
    may_read = threading.Event()
    received = [0]

    def flood_then_read(peer: socket.socket, _head: bytes) -> bool:
        for _ in range(BLOCKS):
            peer.sendall(BLOCK)
            sent[0] += len(BLOCK)
        may_read.wait(PATIENCE_S)
        while received[0] < BLOCKS * len(BLOCK):
            data = peer.recv(2**20)
            if not data:
                break
            received[0] += len(data)
        return False

    upstream.script = switch_and(flood_then_read)
    with RawClient(gateway.port, PATIENCE_S) as client:
        turned(client, request(*TO_ECHO, version="v2"))
        assert read_exactly(client, 1) == b"x"
        time.sleep(0.5)  # the others must be held back, not buffered
        assert sent[0] < BLOCKS * len(BLOCK) // 2
        read_exactly(client, BLOCKS * len(BLOCK) - 1)
        pushed = push_until_held_back(client)
        client.socket.settimeout(PATIENCE_S)
        may_read.set()
        while pushed < BLOCKS * len(BLOCK):
            pushed += client.socket.send(BLOCK[: BLOCKS * len(BLOCK) - pushed])
        assert client.read_to_end() == b""
    assert received[0] == BLOCKS * len(BLOCK)


def test_reader_that_stops_is_cut_off_though_it_goes_on_sending(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    ended = threading.Event()

    def flood(peer: socket.socket, _head: bytes) -> bool:
        try:
            while True:
                peer.sendall(BLOCK)
        except OSError:
            ended.set()
        return False

    upstream.script = switch_and(flood)
    with RawClient(gateway.port) as client:
        turned(client, request(*TO_ECHO, version="v3"))

        def is_cut() -> bool:
            try:
                client.send(b"still here")
            except OSError:
                return True
            return False

        wait_until(is_cut, "the end of the connection", pause_s=0.1)
    assert ended.wait(PATIENCE_S)


def test_gone_service_ends_the_tunnel_and_the_next_one_gets_a_fresh_connection(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    def hang_up(peer: socket.socket, _head: bytes) -> bool:
        peer.sendall(b"bye")
        return False

    upstream.script = switch_and(hang_up)
    for _ in range(3):
        with RawClient(gateway.port) as client:
            turned(client, request(*TO_ECHO, version="v2"))
            assert client.read_to_end() == b"bye"
    upstream.script = switch_and(send_back)
    with RawClient(gateway.port) as client:
        turned(client, request(*TO_ECHO, version="v2"))
        assert read_exactly(client.send(b"hello"), 5) == b"hello"
    wait_until(lambda: _tunnels(gateway) == 0, "all tunnels counted out")


def _tunnels(gateway: GatewayProcess) -> int:
    stats = gateway.status()["workers"][0]["stats"]  # type: ignore[index]
    return int(stats["tunnels_opened"] - stats["tunnels_closed"])
