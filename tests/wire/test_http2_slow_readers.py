"""Callers of HTTP/2 who take nothing: they hold little, not for long, and nobody else back.

Promises R1, H7, H8.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from h2.settings import SettingCodes
from hyperframe.frame import HeadersFrame

from gateway_sync.runtime.http2_unsent import MOST_BYTES
from gateway_sync.snapshot import Policy
from tests.factories.certificates import Authority, authority
from tests.waiting import wait_until
from tests.wire.bodies import gauge, rss_bytes
from tests.wire.gateways import make_environment, make_snapshot, make_version
from tests.wire.http2_client import HTTP2Client
from tests.wire.raw import RawUpstream, answer_with
from tests.wire.tls_gateways import SealedHome, TLSGateway, client_context, tls_gateway, with_edge

HOST = "api.example.com"
REFUSED_STREAM = 7
SIZE = 60_000  # of an answer that waits whole
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (SIZE, b"z" * SIZE)


@dataclass
class Stage:
    """A gateway and who its clients trust."""

    gateway: TLSGateway
    root: Authority

    def client(self) -> HTTP2Client:
        return HTTP2Client(self.gateway.tls_port, client_context(self.root), HOST)

    def stalled_client(self) -> HTTP2Client:
        """One that grants no window to any stream."""
        client = self.client()
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        client.flush()
        return client

    @property
    def pid(self) -> int:
        """The worker."""
        (pid,) = self.gateway.process.pids()
        return pid


@pytest.fixture(scope="module")
def stage(upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker; callers have 3 s for each step of a body, and 2 MiB may wait for all of them."""
    home = SealedHome(tmp_path_factory.mktemp("http2"))
    root = authority()
    limits = Policy("client-limits", {"bodyTimeout": "3s", "unsentAnswers": 2 << 20})
    snapshot = make_snapshot([make_version(upstream.port)], environment=make_environment(policies=(limits,)))
    home.install(with_edge(snapshot, [home.certificate("public", root.issue(HOST), [HOST])]))
    with tls_gateway(home) as running:
        yield Stage(running, root)


def fill(client: HTTP2Client, most: int = 100) -> list[int]:
    """Ask until the gateway turns requests away; the streams whose answers wait."""
    waiting: list[int] = []
    for _ in range(most):
        number = client.request(client.head())
        client.read(lambda: bool(client.answers[number].status) or client.answers[number].is_over)  # noqa: B023
        if client.answers[number].reset == REFUSED_STREAM:
            return waiting
        waiting.append(number)
    return waiting


def progress(client: HTTP2Client, streams: list[int]) -> int:
    """A number that grows with each byte that came and each stream that ended."""
    answers = [client.answers[number] for number in streams]
    return sum(len(answer.body) + answer.is_over for answer in answers)


def test_what_waits_for_a_connection_is_bounded_and_cut_off_whatever_else_it_sends(
    stage: Stage, upstream: RawUpstream
) -> None:
    upstream.script = answer_with(ANSWER)
    with stage.stalled_client() as client:
        waiting = fill(client)
        assert len(waiting) == MOST_BYTES // SIZE + 1
        with stage.client() as other:
            assert len(other.answer(other.head()).body) == SIZE
        while left := [number for number in waiting if not client.answers[number].is_over]:
            time.sleep(0.1)  # else the signs of life would be too many
            client.h2.ping(b"12345678")  # which is none of progress, nor is a window of one byte
            client.h2.increment_flow_control_window(1, left[0])
            before = progress(client, waiting)
            client.flush()
            client.read(lambda: progress(client, waiting) > before)  # noqa: B023 - used at once
            assert client.goaway < 0
    wait_until(lambda: gauge(stage.gateway.process, "apim_unsent_bytes") == 0, "nothing waits any more")


def test_many_who_take_nothing_hold_less_each(stage: Stage, upstream: RawUpstream) -> None:
    upstream.script = answer_with(ANSWER)
    before = rss_bytes(stage.pid)
    clients = [stage.stalled_client() for _ in range(12)]
    try:
        held = [len(fill(client)) for client in clients]
        assert rss_bytes(stage.pid) - before < 32 << 20  # 12 connections of 100 streams would wait with 72 MB
        assert sum(held) * SIZE < (2 << 20) + len(clients) * 4 * SIZE
        with stage.client() as other:
            assert len(other.answer(other.head()).body) == SIZE
    finally:
        for client in clients:
            client.socket.close()
    wait_until(lambda: gauge(stage.gateway.process, "apim_unsent_bytes") == 0, "nothing waits any more")


def test_who_asks_and_never_reads_is_cut_off(stage: Stage) -> None:
    """Heads of answers know no windows, so asking for them alone would fill the worker's memory."""
    before = rss_bytes(stage.pid)
    with stage.client() as client:
        first, block = (client.h2.encoder.encode(client.head("/nowhere", "HEAD")) for _ in range(2))
        client.socket.sendall(HeadersFrame(1, first, flags=["END_HEADERS", "END_STREAM"]).serialize())
        numbers = itertools.count(3, 2)

        def is_cut() -> bool:
            heads = [HeadersFrame(next(numbers), block, flags=["END_HEADERS", "END_STREAM"]) for _ in range(500)]
            try:
                client.socket.sendall(b"".join(head.serialize() for head in heads))
            except OSError:
                return True
            return False

        wait_until(is_cut, "it is sent away")
        assert rss_bytes(stage.pid) - before < 24 << 20
    with stage.client() as other:
        assert other.answer(other.head("/nowhere")).status == 404


def test_a_service_is_not_read_on_while_its_caller_takes_nothing(
    stage: Stage, upstream: RawUpstream, tmp_path: Path
) -> None:
    sent = [0]

    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.settimeout(2)
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        with suppress(OSError):
            for _ in range(1000):
                peer.sendall(b"z" * 100_000)
                sent[0] += 100_000
        return False

    upstream.script = script
    with stage.stalled_client() as client:
        numbers = [client.request(client.head()) for _ in range(8)]
        client.read(lambda: all(client.answers[number].is_over for number in numbers))
    assert sent[0] < 100_000_000
    wait_until(lambda: gauge(stage.gateway.process, "apim_unsent_bytes") == 0, "nothing waits any more")
