"""Workers begin as copies of their supervisor, and later ones by themselves: neither keeps what is not its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway_sync.runtime.starting import Child
from tests.waiting import wait_until
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream

GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()


def open_files(pid: int) -> set[str]:
    """What a process has open."""
    found = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(str(path.readlink()))
        except FileNotFoundError:  # closed meanwhile
            continue
    return found


def status_of(gateway: GatewayProcess) -> int:
    with RawClient(gateway.port) as client:
        return client.send(GET).read_answer()[0]


def replace_all(gateway: GatewayProcess) -> None:
    """Kill every worker, and wait until others serve."""
    killed = {gateway.kill_worker(number) for number in range(len(gateway.pids()))}
    wait_until(lambda: not killed & set(gateway.pids()), "other workers")
    gateway.wait_ready()


@pytest.mark.parametrize("workers", [1, 2])
def test_first_workers_and_those_after_them_serve_and_hold_nothing_of_the_supervisor(
    tmp_path: Path, workers: int
) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)]))
        gateway = GatewayProcess(home, workers=workers).wait_ready()
        try:
            assert status_of(gateway) == 200
            first = gateway.pids()
            assert len(set(first)) == workers
            supervisors = open_files(gateway.process.pid)
            assert str(tmp_path / "lock") in supervisors
            for _ in range(2):
                for pid in gateway.pids():
                    assert str(tmp_path / "lock") not in open_files(pid)
                    sockets = {name for name in open_files(pid) & supervisors if name.startswith("socket:")}
                    assert len(sockets) == 1  # the listener of its slot
                    assert str(Path(f"/proc/{pid}/fd/0").readlink()) == os.devnull
                replace_all(gateway)
            assert status_of(gateway) == 200
        finally:
            gateway.stop()
        assert not any(Path(f"/proc/{pid}").exists() for pid in first)


def test_port_that_is_taken_is_told_in_one_sentence(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.install(make_snapshot([make_version(1)]))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway = GatewayProcess(home, options=["--port", str(taken.getsockname()[1])])
        assert gateway.process.wait(60) == 1
    assert "in use" in (tmp_path / "gateway.log").read_text()
    gateway.stop()


@pytest.mark.parametrize("ask", ["terminate", "kill"])
def test_exit_code_of_a_child_is_as_subprocess_tells_it(ask: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = Child(child.pid)
    assert process.poll() is None
    getattr(process, ask)()
    wait_until(lambda: process.poll() is not None, "its end")
    assert process.poll() == {"terminate": -15, "kill": -9}[ask]
    process.kill()  # of what has ended: nothing
    child.returncode = process.poll()  # reaped above
    assert child.stdin is not None
    child.stdin.close()


def holds(pid: int, *secrets: bytes) -> list[bytes]:
    """Which of the secrets are in the memory that the process may write to."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - buffers would read beyond a map
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            first, last = (int(end, 16) for end in span.split("-"))
            memory.seek(first)
            try:
                content = memory.read(last - first)
            except OSError:  # no memory of the process
                continue
            found |= {secret for secret in secrets if secret in content}
    return sorted(found)


def test_a_worker_never_had_what_only_its_supervisor_needs(tmp_path: Path) -> None:
    token, password = b"gwt_7f3a91c5e2", b"redis-pass-55d1"
    home = Home(tmp_path, token=token.decode(), redis_url=f"redis://:{password.decode()}@127.0.0.1:1/0")
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)]))
        gateway = GatewayProcess(home).wait_ready()
        try:
            assert status_of(gateway) == 200
            assert holds(gateway.process.pid, token, password) == [token, password]
            assert holds(gateway.pids()[0], token, password) == []
        finally:
            gateway.stop()
