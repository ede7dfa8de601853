"""Bytes that cost a caller little cost a worker little, and what one API is set to changes nothing for another.

Promises R1, R10, H5, H9, H10.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from pathlib import Path

from tests.waiting import PATIENCE_S
from tests.wire.gateways import KEY, GatewayProcess
from tests.wire.raw import RawClient, RawUpstream

UNKNOWN = b"GET /nothing/here HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: " + KEY.encode() + b"\r\n\r\n"


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def rss_bytes(pid: int) -> int:
    """Memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_empty_lines_before_a_request_cost_next_to_nothing(gateway: GatewayProcess, upstream: RawUpstream) -> None:
    pid = gateway.pids()[0]
    before = cpu_s(pid)
    with RawClient(gateway.port) as client:
        assert client.send(b"\r\n" * 500_000 + OK).read_answer()[0] == 200
    assert cpu_s(pid) - before < 0.5
    assert len(upstream.requests) == 1


def test_head_that_drips_in_costs_next_to_nothing(gateway: GatewayProcess) -> None:
    pid = gateway.pids()[0]
    before = cpu_s(pid)
    with RawClient(gateway.port) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 60_000)
        for _ in range(4000):
            client.send(b"a")
            time.sleep(0.0001)
        client.send(b"\r\n\r\n")
        assert client.read_answer()[0] == 404
    assert cpu_s(pid) - before < 1.0


def test_caller_that_never_reads_its_answers_stops_being_read(gateway: GatewayProcess) -> None:
    pid = gateway.pids()[0]
    before = rss_bytes(pid)
    with RawClient(gateway.port, timeout_s=1.0) as client:
        sent, deadline = 0, time.monotonic() + 8
        with suppress(TimeoutError):
            while time.monotonic() < deadline:
                sent += client.socket.send(UNKNOWN * 1000)
        assert rss_bytes(pid) - before < 8 * 2**20
        client.socket.settimeout(PATIENCE_S)
        for _ in range(sent // len(UNKNOWN)):
            assert client.read_answer()[0] == 404


def test_long_field_names_are_not_remembered(gateway: GatewayProcess) -> None:
    pid = gateway.pids()[0]
    before = rss_bytes(pid)
    with RawClient(gateway.port) as client:
        for number in range(300):
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-%d-%s: 1\r\n\r\n" % (number, b"a" * 60_000))
            assert client.read_answer()[0] == 404
    assert rss_bytes(pid) - before < 8 * 2**20


def test_bare_line_feed_in_a_chunk_is_refused_at_once(gateway: GatewayProcess) -> None:
    """400: whoever waits for the rest of the line ends with 408."""
    with RawClient(gateway.port) as client:
        client.send(OK.replace(b"GET", b"POST")[:-2] + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n")
        assert client.read_to_end().startswith(b"HTTP/1.1 400 ")
