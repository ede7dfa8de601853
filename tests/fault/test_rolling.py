"""Workers and supervisor are replaced without anybody noticing: on demand, when they grow, after a crash (R8)."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from gateway_sync.snapshot import Quota
from tests.factories.certificates import authority
from tests.fault.calling import Caller, call
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.http2_client import HTTP2Client
from tests.wire.raw import RawClient, RawUpstream
from tests.wire.tls_gateways import SealedHome, client_context, make_host, tls_gateway, with_edge
from tests.wire.websocket_peers import EchoService

pytestmark = pytest.mark.fault

GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()


def roll(gateway: GatewayProcess) -> None:
    """Have all workers replaced, and wait until they are."""
    before = set(gateway.pids())
    gateway.process.send_signal(signal.SIGHUP)
    wait_until(lambda: not before & set(gateway.pids()), "other workers")
    gateway.wait_ready()


def upgrade(gateway: GatewayProcess) -> None:
    """Have the supervisor replaced by the one on disk, and its workers, and wait until they are."""
    before = set(gateway.pids())
    gateway.process.send_signal(signal.SIGUSR2)

    def are_others() -> bool:
        try:
            return not before & set(gateway.pids()) and gateway.admin("/healthz/ready")[0] == 200
        except OSError:
            return False  # the admin port is opened again by the next supervisor

    wait_until(are_others, "other workers of another supervisor")
    assert gateway.process.poll() is None
    assert b"GATEWAY_HANDOVER=" in Path(f"/proc/{gateway.process.pid}/environ").read_bytes()


@pytest.mark.parametrize(("workers", "change"), [(1, roll), (2, roll), (1, upgrade), (2, upgrade)])
def test_new_workers_under_load_break_nothing_and_count_exactly(
    tmp_path: Path, workers: int, change: Callable[[GatewayProcess], None]
) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        control.publish(make_snapshot([make_version(upstream.port)], quotas=(Quota(10**6, "day"),)))
        control.change(home.records())
        gateway = GatewayProcess(home, workers=workers).wait_ready()
        is_enough = threading.Event()
        fresh = [Caller(gateway.port, 1, is_enough, is_kept=False) for _ in range(3)]
        try:
            for caller in fresh:
                caller.start()
            kept = call(gateway.port, callers=4, calls=400, meanwhile=lambda: change(gateway))
        finally:
            is_enough.set()
            for caller in fresh:
                caller.join()
        try:
            callers = [*kept, *fresh]
            assert sum(caller.broken for caller in callers) == 0
            completed = [request_id for caller in callers for request_id, status in caller.completed if status == 200]
            assert len(completed) == sum(len(caller.completed) for caller in callers)
            wait_until(lambda: len(control.events) >= len(completed), "all are counted")
        finally:
            gateway.stop()
        counted = [event.request_id for event in control.events.values()]
        assert sorted(counted) == sorted(completed)
        assert not any(event.is_indeterminate for event in control.events.values())


def test_what_is_under_way_is_finished_and_idle_callers_are_let_go(tmp_path: Path) -> None:
    may_end = threading.Event()

    def slow(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        may_end.wait(PATIENCE_S)
        peer.sendall(b"world")
        return True

    home = Home(tmp_path)
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)]))
        gateway = GatewayProcess(home).wait_ready()
        try:
            with RawClient(gateway.port) as idle, RawClient(gateway.port) as busy:
                assert idle.send(GET).read_answer()[0] == 200
                upstream.script = slow
                busy.send(GET)
                wait_until(lambda: len(upstream.requests) == 2, "the slow call is at the service")
                rolling = threading.Thread(target=roll, args=(gateway,))
                rolling.start()
                assert idle.read_to_end() == b""
                may_end.set()
                status, _, body = busy.read_answer()
                assert (status, body) == (200, b"helloworld")
                rolling.join()
            with RawClient(gateway.port) as client:
                assert client.send(GET).read_answer()[0] == 200
        finally:
            gateway.stop()


def test_websockets_are_told_to_come_back_and_can_at_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with EchoService() as service:
        home.install(make_snapshot([make_version(service.port)]))
        gateway = GatewayProcess(home).wait_ready()
        url = f"ws://127.0.0.1:{gateway.port}/bank/v1/accounts"
        try:
            with connect(url, additional_headers={"X-API-Key": KEY}) as peer:
                rolling = threading.Thread(target=roll, args=(gateway,))
                rolling.start()
                with pytest.raises(ConnectionClosed) as ended:
                    peer.recv()
                assert ended.value.rcvd is not None
                assert ended.value.rcvd.code == 1001
            rolling.join()
            with connect(url, additional_headers={"X-API-Key": KEY}) as peer:
                peer.send("again")
                assert peer.recv() == "again"
        finally:
            gateway.stop()


def test_http2_is_told_by_a_goaway_and_served_on_the_next_connection(tmp_path: Path) -> None:
    home, root = SealedHome(tmp_path), authority()
    host = "api.example.com"
    with RawUpstream() as upstream:
        certificate = home.certificate("public", root.issue(host), [host])
        home.install(with_edge(make_snapshot([make_version(upstream.port)]), [certificate], [make_host(host)]))
        with tls_gateway(home) as running:
            with HTTP2Client(running.tls_port, client_context(root), host) as client:
                assert client.answer(client.head()).status == 200
                rolling = threading.Thread(target=roll, args=(running.process,))
                rolling.start()
                client.read(lambda: client.goaway >= 0)
                assert client.goaway == 0
            rolling.join()
            with HTTP2Client(running.tls_port, client_context(root), host) as client:
                assert client.answer(client.head()).status == 200


def test_code_that_does_not_start_takes_nothing_over(tmp_path: Path) -> None:
    home, broken = Home(tmp_path / "home"), tmp_path / "path"
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)]))
        gateway = GatewayProcess(home, variables={"PYTHONPATH": str(broken)}).wait_ready()
        try:
            before = gateway.pids()
            broken.mkdir()
            (broken / "msgspec.py").write_text("raise ImportError('half installed')")
            gateway.process.send_signal(signal.SIGUSR2)
            log = home.path / "gateway.log"
            wait_until(lambda: "half installed" in log.read_text(), "the reason in the log")
            assert gateway.pids() == before
            with RawClient(gateway.port) as client:
                assert client.send(GET).read_answer()[0] == 200
        finally:
            gateway.stop()


def test_worker_that_grew_beyond_its_limit_is_replaced(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)]))
        gateway = GatewayProcess(home, options=("--max-worker-mib", "8")).wait_ready()  # less than any worker takes
        try:
            (first,) = gateway.pids()
            callers = call(
                gateway.port, callers=2, calls=50, meanwhile=lambda: wait_until(lambda: _others(gateway, first))
            )
            assert sum(caller.broken for caller in callers) == 0
        finally:
            gateway.stop()


def test_crashed_worker_is_back(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)]))
        gateway = GatewayProcess(home).wait_ready()
        try:
            (first,) = gateway.pids()
            began = time.monotonic()
            os.kill(first, signal.SIGKILL)
            with RawClient(gateway.port) as client:  # waits in the queue of the socket, which outlived the worker
                assert client.send(GET).read_answer()[0] == 200
            record_property("served_again_after_s", round(time.monotonic() - began, 2))
            assert _others(gateway, first)
        finally:
            gateway.stop()


def _others(gateway: GatewayProcess, pid: int) -> bool:
    return pid not in gateway.pids() and gateway.admin("/healthz/ready")[0] == 200
