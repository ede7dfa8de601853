"""A disk that fails now and then costs no call and no record, and is told of (promise B8; hostile input H22)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fault.calling import call, codes
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault

EIO = 5
KILLS = 2


def failing(probability: float) -> list[str]:
    """A command under which fsync and fdatasync fail with EIO so often."""
    if shutil.which("fiu-run") is None:
        pytest.skip("no fiu-run")
    return ["fiu-run", "-x", "-c", f"enable_random name=posix/io/sync/*,probability={probability},failinfo={EIO}"]


def test_failing_syncs_lose_no_record_and_are_told(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        control.publish(make_snapshot([make_version(upstream.port)]))
        control.change(home.records())
        gateway = GatewayProcess(home, workers=2, command=failing(0.05)).wait_ready()
        try:
            completed: set[tuple[str, int]] = set()
            for _ in range(KILLS):
                callers = call(gateway.port, callers=8, calls=60, meanwhile=lambda: gateway.kill_worker(0))
                completed |= {item for caller in callers for item in caller.completed}
                gateway.wait_ready()

            def is_told() -> bool:
                (caller,) = call(gateway.port, callers=1, calls=20)
                completed.update(caller.completed)
                return "spool.E005" in codes(gateway)

            wait_until(is_told, "the failing disk is told of")
            control.publish(make_snapshot([make_version(upstream.port, timeout_ms=50_000)]))
            control.change([("credential", home.hash_of(KEY), None)])
            wait_until(lambda: statuses(gateway) == {401}, "the revocation is in force")
            wait_until(lambda: counted(control) >= completed, "all is counted")
            wait_until(lambda: "update.E002" not in codes(gateway), "the state is written in the end")
        finally:
            gateway.stop()
    answered = [event.request_id for event in control.events.values() if not event.is_indeterminate]
    assert len(answered) == len(set(answered))
    assert {status for _, status in completed} == {200}


def statuses(gateway: GatewayProcess) -> set[int]:
    """What callers on fresh connections are answered."""
    return {status for caller in call(gateway.port, callers=4, calls=3) for _, status in caller.completed}


def counted(control: KeepingControlPlane) -> set[tuple[str, int]]:
    """What arrived, as callers know it."""
    return {(event.request_id, event.status) for event in list(control.events.values())}
