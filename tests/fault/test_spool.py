"""Usage that waits on disk: full disks, long absences of the control plane (promises B6, B8; hostile input H22)."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.fault.calling import call, codes
from tests.fault.small_disks import counted_at, fill, small_disk  # noqa: F401 - a fixture
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault

MOST_CALLS = 500_000  # more than any spool of these tests has room for


def test_full_disk_refuses_with_503_loses_nothing_and_recovers(small_disk: Path) -> None:  # noqa: F811
    home = Home(small_disk / "home")
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        home.install(make_snapshot([make_version(upstream.port)]))
        gateway = GatewayProcess(home, workers=1).wait_ready()
        try:
            filler = small_disk / "filler"
            before = call(gateway.port, callers=2, calls=20)
            fill(filler)
            control.is_down = True
            answered = list(before)
            statuses: set[int] = set()
            while 503 not in statuses and sum(len(caller.completed) for caller in answered) < MOST_CALLS:
                callers = call(gateway.port, callers=8, calls=500)
                answered += callers
                statuses = {status for caller in callers for _, status in caller.completed}
            assert statuses <= {200, 503}
            assert 503 in statuses
            assert sum(caller.broken for caller in answered) == 0
            wait_until(lambda: "spool.E002" in codes(gateway))
            assert b'apim_problem{code="spool.E002"} 1' in gateway.admin("/metrics")[1]
            gateway.kill_worker(0)  # the next one starts on the full disk
            gateway.wait_ready()
            assert {status for caller in call(gateway.port, callers=1, calls=3) for _, status in caller.completed} == {
                503
            }
            control.is_down = False
            filler.unlink()
            wait_until(lambda: _is_served(gateway), "served again")
            acknowledged = {item for caller in answered for item in caller.completed if item[1] == 200}
            wait_until(lambda: counted_at(control) >= acknowledged, "counted")
            wait_until(lambda: codes(gateway) <= {"spool.E001"})
        finally:
            gateway.stop()
    served = [event for event in control.events.values() if event.status == 200]
    assert len({event.request_id for event in served}) == len(served)


def _is_served(gateway: GatewayProcess) -> bool:
    (caller,) = call(gateway.port, callers=1, calls=1)
    return [status for _, status in caller.completed] == [200]


@pytest.mark.slow
def test_spool_is_bounded_and_warns_while_the_control_plane_is_away(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        control.is_down = True
        home.install(make_snapshot([make_version(upstream.port)]))
        gateway = GatewayProcess(home, options=("--spool-mib", "13")).wait_ready()
        completed: list[tuple[str, int]] = []
        try:
            seen: set[str] = set()
            while 503 not in {status for _, status in completed} and len(completed) < MOST_CALLS:
                for caller in call(gateway.port, callers=8, calls=500):
                    assert caller.broken == 0
                    completed += caller.completed
                seen |= codes(gateway)
            assert seen >= {"spool.E001", "spool.E002"}
            files = list((home.state / "spool").iterdir())
            assert sum(path.stat().st_size for path in files) <= 13 * 2**20
            assert rss_mib(gateway.process.pid) < 150
            control.is_down = False
            counted = {item for item in completed if item[1] == 200}
            wait_until(lambda: counted_at(control) >= counted, "counted")
            wait_until(lambda: _is_served(gateway), "served again")
        finally:
            gateway.stop()
    assert {status for _, status in completed} == {200, 503}


def rss_mib(pid: int) -> float:
    """Memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20


def test_spool_is_synced_in_groups_off_the_workers(tmp_path: Path) -> None:
    """No worker ever waits for the disk; while calls come the supervisor syncs about 20 times a second, else never."""
    home = Home(tmp_path)
    trace = tmp_path / "trace"
    if subprocess.run(["which", "strace"], capture_output=True, check=False).returncode:
        pytest.skip("no strace")
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)]))
        gateway = GatewayProcess(home, workers=1).wait_ready()
        (worker,) = gateway.pids()
        followed = ("-p", str(gateway.process.pid), "-p", str(worker))
        strace = subprocess.Popen(
            ["strace", "-f", "-qq", "-e", "trace=fdatasync,fsync,msync", "-o", str(trace), *followed]
        )
        try:
            time.sleep(1.5)
            idle = trace.read_text()
            call(gateway.port, callers=2, calls=300)
            wait_until(lambda: "fdatasync" in trace.read_text(), "synced")
            lines = trace.read_text().splitlines()
        finally:
            strace.terminate()
            strace.wait()
            gateway.stop()
    assert idle == ""
    assert any("fdatasync" in line for line in lines)
    assert not any(line.startswith(f"{worker} ") for line in lines)


def test_usage_that_is_refused_for_ever_is_set_aside_reported_and_never_lost(tmp_path: Path) -> None:
    """What the control plane cannot read must not hold up what follows, nor be gone once it can."""
    home = Home(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        control.publish(make_snapshot([make_version(upstream.port)]))
        control.change(home.records())
        control.usage_status = 422
        gateway = GatewayProcess(home, workers=2).wait_ready()
        try:
            callers = call(gateway.port, callers=4, calls=50)
            wait_until(lambda: "spool.E004" in codes(gateway), "set aside")
            wait_until(lambda: any("spool.E004" in str(report["workers"]) for report in control.reports), "told")
            assert list((home.state / "spool" / "refused").glob("*.batch"))
            control.usage_status = 200
            later = call(gateway.port, callers=4, calls=50)
            following = {item for caller in later for item in caller.completed}
            wait_until(lambda: counted_at(control) >= following, "what follows is counted")
        finally:
            gateway.stop()
        gateway = GatewayProcess(home, workers=2).wait_ready()
        try:
            everything = following | {item for caller in callers for item in caller.completed}
            wait_until(lambda: counted_at(control) >= everything, "all is counted")
            wait_until(lambda: "spool.E004" not in codes(gateway))
        finally:
            gateway.stop()
    assert len(everything) == 400
    assert counted_at(control) == everything
