"""The limits of callers' connections are an environment's, change while it runs, and shed load in time (H9, H23)."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from gateway_sync.snapshot import Policy, Snapshot
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_environment, make_snapshot, make_version
from tests.wire.raw import OK, RawClient, RawUpstream, answer_with

GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()
MOST = 5


def limited(upstream: RawUpstream, **settings: object) -> Snapshot:
    environment = make_environment(policies=(Policy("client-limits", settings),))
    return make_snapshot([make_version(upstream.port)], environment=environment)


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeepingControlPlane]:
    with KeepingControlPlane(Home(tmp_path_factory.mktemp("gateway"))) as plane:
        yield plane


@pytest.fixture(scope="module")
def gateway(control: KeepingControlPlane, upstream: RawUpstream) -> Iterator[GatewayProcess]:
    control.publish(make_snapshot([make_version(upstream.port)]))
    control.change(control.home.records())
    process = GatewayProcess(control.home)
    try:
        yield process.wait_ready()
    finally:
        process.stop()


def use(control: KeepingControlPlane, gateway: GatewayProcess, snapshot: Snapshot) -> None:
    """Return once the worker serves by the snapshot."""
    control.publish(snapshot)
    wanted = control.home.revision

    def has_it() -> bool:
        workers = gateway.status()["workers"]
        assert isinstance(workers, list)
        return all(worker["revision"] == wanted for worker in workers)

    wait_until(has_it, "the new state")


def answer_to(gateway: GatewayProcess, request: bytes = GET) -> tuple[int, bytes]:
    with RawClient(gateway.port) as client:
        status, head, body = client.send(request).read_answer()
        return status, head + body


def test_an_address_has_no_more_connections_than_it_may_and_gets_them_back(
    control: KeepingControlPlane, gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    use(control, gateway, limited(upstream, perAddress=MOST))
    wait_until(lambda: _open(gateway) == 0, "earlier connections are gone")
    with ExitStack() as stack:
        for _ in range(MOST):
            assert stack.enter_context(RawClient(gateway.port)).send(GET).read_answer()[0] == 200
        with RawClient(gateway.port) as client:
            status, head, body = client.read_answer()
        assert (status, b'"code":"overloaded"' in body, b"Retry-After: 1" in head) == (503, True, True)
        with socket.create_connection(("127.0.0.1", gateway.port), source_address=("127.0.0.2", 0)) as other:
            other.sendall(GET)
            assert other.recv(65_536).startswith(b"HTTP/1.1 200")

    def has_room() -> bool:
        with suppress(OSError):
            return answer_to(gateway)[0] == 200
        return False

    wait_until(has_room, "room for the address")


def test_size_of_a_header_is_the_environments_in_one_read_and_in_many(
    control: KeepingControlPlane, gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    use(control, gateway, limited(upstream, header="8KiB"))
    for size, status in ((7_000, 200), (9_000, 431)):
        request = GET[:-2] + b"X-Long: " + b"a" * size + b"\r\n\r\n"
        assert answer_to(gateway, request)[0] == status
        with RawClient(gateway.port) as client:
            client.send(request[:4000])
            time.sleep(0.05)
            assert client.send(request[4000:]).read_answer()[0] == status
    with RawClient(gateway.port) as client:
        client.send(GET[:-2] + b"X-Endless: " + b"a" * 9_000)
        assert client.read_answer()[0] == 431


def test_times_are_the_environments(
    control: KeepingControlPlane, gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    use(control, gateway, limited(upstream, headerTimeout="1s", idleTimeout="1s", bodyTimeout="1s"))
    with RawClient(gateway.port) as client:
        assert client.send(b"GET / HTTP/1.1\r\n").read_answer()[0] == 408
    with RawClient(gateway.port) as client:
        assert client.send(GET).read_answer()[0] == 200
        assert client.read_to_end() == b""


def test_reader_that_only_drips_is_cut_off(
    control: KeepingControlPlane, gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    use(control, gateway, limited(upstream, bodyTimeout="1s"))
    ended = threading.Event()

    def script(peer: socket.socket, _request: bytes) -> bool:
        try:
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + b"x" * 100_000_000)
        except OSError:
            ended.set()
        return False

    upstream.script = script
    with RawClient(gateway.port) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(GET)

        def drip() -> bool:
            with suppress(OSError):
                client.socket.recv(16)
            return ended.is_set()

        wait_until(drip, "the end of the exchange", pause_s=0.05)


def test_loop_that_stays_late_sheds_requests_and_then_serves_again(
    control: KeepingControlPlane, gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    use(control, gateway, limited(upstream, overloadLag="50ms"))
    upstream.script = answer_with(OK)
    assert answer_to(gateway)[0] == 200
    (pid,) = gateway.pids()
    is_enough = threading.Event()

    def hold() -> None:
        while not is_enough.is_set():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.2)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.005)

    holder = threading.Thread(target=hold, daemon=True)
    holder.start()
    shed: list[bytes] = []
    try:

        def is_shed() -> bool:
            status, content = answer_to(gateway)
            if status == 503:
                shed.append(content)
            return bool(shed)

        wait_until(is_shed, "a request is refused")
    finally:
        is_enough.set()
        holder.join()
    assert b'"code":"overloaded"' in shed[0]
    assert b"Retry-After: 1" in shed[0]
    wait_until(lambda: answer_to(gateway)[0] == 200, "served again")

    def lag_s() -> float:
        lines = gateway.admin("/metrics")[1].decode().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith("apim_event_loop_lag_seconds{")))

    wait_until(lambda: lag_s() > 0.05, "the lag is told")


def test_what_is_given_on_the_command_line_holds_there(upstream: RawUpstream, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.install(limited(upstream, headerTimeout="1h"))
    gateway = GatewayProcess(home, options=("--head-timeout", "1")).wait_ready()
    try:
        with RawClient(gateway.port, PATIENCE_S) as client:
            assert client.send(b"GET / HTTP/1.1\r\n").read_answer()[0] == 408
    finally:
        gateway.stop()


def _open(gateway: GatewayProcess) -> int:
    stats = gateway.status()["workers"][0]["stats"]  # type: ignore[index]
    return int(stats["connections_opened"] - stats["connections_closed"])
