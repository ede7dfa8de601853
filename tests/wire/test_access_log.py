"""The access log: one JSON line an exchange, without secrets, rotated by size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway_sync.runtime.access_log import KEPT, AccessLog, LogOptions
from gateway_sync.usage_wire import UsageCell
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream

SECRET = "hunter2"
CALLS = 20


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def get(gateway: GatewayProcess, key: str = KEY) -> tuple[int, bytes]:
    request = (
        f"GET /bank/v1/accounts/7?token={SECRET} HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\n"
        f"Authorization: Basic {SECRET}\r\nX-Request-Id: mine\r\n\r\n"
    )
    with RawClient(gateway.port) as client:
        status, head, _ = client.send(request.encode()).read_answer()
    return status, head


def test_each_exchange_is_a_line_without_key_or_query(upstream: RawUpstream, tmp_path: Path) -> None:
    home, path = Home(tmp_path / "home"), tmp_path / "access.log"
    with KeepingControlPlane(home) as control:  # takes usage at once, so that segments are deleted while they are read
        control.publish(make_snapshot([make_version(upstream.port)]))
        control.change(home.records())
        gateway = GatewayProcess(home, options=("--access-log", str(path))).wait_ready()
        try:
            heads = [get(gateway) for _ in range(CALLS)]
            assert get(gateway, "apim_live_wrong")[0] == 401
        finally:
            gateway.stop()
    lines = lines_of(path)
    calls = [line for line in lines if "request_id" in line]
    assert [status for status, _ in heads] == [200] * CALLS == [line["status"] for line in calls]
    assert all(
        f"X-Request-Id: {line['request_id']}".encode() in head for line, (_, head) in zip(calls, heads, strict=True)
    )
    first = calls[0]
    assert first["path"] == "/bank/v1/accounts/7"
    assert (first["operation"], first["application"], first["credential"]) == ("GET /accounts/{id}", "app_1", "crd_1")
    assert first["client_request_id"] == "mine"
    assert first["duration_ms"] >= first["upstream_ms"] > 0
    (refused,) = [line for line in lines if "count" in line]
    assert (refused["status"], refused["code"], refused["count"]) == (401, "unauthenticated", 1)
    assert KEY not in path.read_text()
    assert SECRET not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_a_share_is_written_but_every_failure_of_the_service(upstream: RawUpstream, tmp_path: Path) -> None:
    home, path = Home(tmp_path / "home"), tmp_path / "access.log"
    home.install(make_snapshot([make_version(upstream.port)]))
    options = ("--access-log", str(path), "--access-log-share", "0")
    gateway = GatewayProcess(home, options=options).wait_ready()
    try:
        assert get(gateway)[0] == 200
        upstream.script = lambda peer, _request: bool(peer.close())
        assert get(gateway)[0] == 502
        wait_until(lambda: bool(lines_of(path)), "the line")
    finally:
        gateway.stop()
    assert [(line["status"], line["code"]) for line in lines_of(path)] == [(502, "upstream-unreachable")]


def test_a_full_file_makes_room_for_the_next_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(LogOptions(str(path), most_bytes=300))
    for minute in range(60, 60 * 31, 60):
        log.take_cells("boot", [UsageCell(minute, "GET /", "ver_1", 404, "not-found", 1)])
        log.flush()
    names = {found.name for found in tmp_path.iterdir()}
    assert names - {"access.log"} == {f"access.log.{number}" for number in range(1, KEPT + 1)}
    assert all(found.stat().st_size < 600 for found in tmp_path.iterdir())
    assert lines_of(path.with_name("access.log.1"))[-1]["time"] > lines_of(path.with_name("access.log.2"))[-1]["time"]
