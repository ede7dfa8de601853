"""Quotas that count units or bytes: what calls cost, what is told of it, and where it stops (R5)."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_sync.snapshot import Cap, Quota
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream, answer_with

WELL = (("status_class", "==", 2),)
FAILED = b"HTTP/1.1 500 Failed\r\nContent-Length: 5000\r\n\r\n" + b"z" * 5000
ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n190\r\n" + b"x" * 400 + b"\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with RawUpstream(answer_with(ANSWER)) as upstream:
        quotas = (Quota(20, "month", unit="units"), Quota(1000, "day", unit="bytes"))
        snapshot = make_snapshot([make_version(upstream.port)], quotas=quotas)
        plans = tuple(replace(plan, weights={"POST /*": 5}) for plan in snapshot.products.plans)
        home = Home(Path(tmp_path_factory.mktemp("gateway")))
        home.install(replace(snapshot, products=replace(snapshot.products, plans=plans)))
        process = GatewayProcess(home)
        try:
            yield process.wait_ready()
        finally:
            process.stop()


def call(gateway: GatewayProcess, method: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and head of one call."""
    lines = [f"{method} /bank/v1/accounts HTTP/1.1", "Host: a", f"X-API-Key: {KEY}", f"Content-Length: {len(body)}"]
    with RawClient(gateway.port) as client:
        return client.send("\r\n".join([*lines, "", ""]).encode() + body).read_answer()[:2]


def test_units_and_bytes_are_told_and_stop_where_they_are_spent(gateway: GatewayProcess) -> None:
    status, head = call(gateway, "GET")
    assert status == 200
    assert b'RateLimit-Policy: "month-units";q=20;qu="apim-units";w=' in head
    assert b'"month-units";r=19;' in head
    assert b'"day-bytes";r=1000;' in head  # nobody knows yet how much the answer is
    status, head = call(gateway, "POST", b"y" * 100)
    assert (status, b'"month-units";r=14;' in head, b'"day-bytes";r=500;' in head) == (200, True, True)
    status, head = call(gateway, "POST", b"y" * 101)  # 1,000 less two answers and what was sent leave 100
    assert (status, b'"month-units";r=14;' in head, b'"day-bytes";r=100;' in head) == (429, True, True)
    assert call(gateway, "POST", b"y" * 100)[0] == 200
    assert call(gateway, "GET")[0] == 429


def test_caps_of_meters_stop_where_the_meters_are_and_count_no_failed_call(tmp_path: Path) -> None:
    caps = (
        Cap("egress", 900, 0, "response-bytes", (), WELL),
        Cap("work", 12, 0, weights=(("POST /*", 5),), where=WELL),
    )
    answers = iter((FAILED, ANSWER, ANSWER, ANSWER))

    def answer(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(next(answers))
        return True

    with RawUpstream(answer) as upstream:
        snapshot = make_snapshot([make_version(upstream.port)])
        plans = tuple(replace(plan, caps=caps) for plan in snapshot.products.plans)
        home = Home(tmp_path / "gateway")
        home.install(replace(snapshot, products=replace(snapshot.products, plans=plans)))
        gateway = GatewayProcess(home)
        try:
            gateway.wait_ready()
            statuses = [call(gateway, "POST")[0] for _ in range(4)]
            assert statuses == [500, 200, 200, 429], "what failed weighs nothing, and 12 are no three times 5"
            assert call(gateway, "GET")[0] == 200  # 800 of 900 bytes are used: the answer on its way goes beyond
            status, head = call(gateway, "GET")
            assert (status, b'"period-egress";r=0;' in head, b'"period-work";r=1;' in head) == (429, True, True)
        finally:
            gateway.stop()
