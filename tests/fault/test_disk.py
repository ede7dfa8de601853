"""A disk that fails now and then costs no call and no record, and is told of (promise B8; hostile input H22).

One that goes on failing has calls refused that must be recorded, and no others.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.fault.calling import call, codes
from tests.fault.leniency import STRICT_KEY, answer, records, with_lenient_plan
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault

EIO = 5
KILLS = 2
CALLS = 40


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


class Disk:
    """Of a gateway: each sync of its supervisor fails, or none does."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("fiu-ctrl") is None:
            pytest.skip("no fiu-ctrl")
        self._prefix = str(folder / "fiu")
        self.command = ["fiu-run", "-x", "-f", self._prefix]

    def turn(self, gateway: GatewayProcess, *, is_failing: bool) -> None:
        """From now on."""
        order = f"enable name=posix/io/sync/*,failinfo={EIO}" if is_failing else "disable name=posix/io/sync/*"
        subprocess.run(["fiu-ctrl", "-f", self._prefix, "-c", order, str(gateway.process.pid)], check=True, timeout=20)


def test_while_syncs_go_on_failing_calls_that_must_be_recorded_are_refused_and_no_others(tmp_path: Path) -> None:
    home, disk = Home(tmp_path / "home"), Disk(tmp_path)
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        home.install(with_lenient_plan(upstream), records(home))
        gateway = GatewayProcess(home, workers=2, command=disk.command).wait_ready()
        try:
            assert (answer(gateway, STRICT_KEY)[0], answer(gateway, KEY)[0]) == (200, 200)
            disk.turn(gateway, is_failing=True)
            wait_until(lambda: answer(gateway, STRICT_KEY)[0] == 503, "who must be recorded is refused")
            gateway.kill_worker(0)
            gateway.wait_ready()
            for _ in range(CALLS):
                status, head = answer(gateway, STRICT_KEY)
                assert (status, b"retry-after" in head.lower()) == (503, True)
                status, head = answer(gateway, KEY)
                assert (status, b"apim-usage" in head) == (200, False)
            assert "spool.E005" in codes(gateway)
            disk.turn(gateway, is_failing=False)
            wait_until(lambda: answer(gateway, STRICT_KEY)[0] == 200, "all is served again")
            served = {item for caller in call(gateway.port, callers=2, calls=20) for item in caller.completed}
            wait_until(lambda: counted(control) >= served, "all is counted")
            wait_until(lambda: len(lenient(control)) > CALLS, "what was served meanwhile is counted too")
        finally:
            gateway.stop()


def lenient(control: KeepingControlPlane) -> list[str]:
    """The calls that were served of who need not be recorded."""
    served = [event for event in list(control.events.values()) if event.status == 200]
    return [event.request_id for event in served if event.context.plan == "pln_2"]
