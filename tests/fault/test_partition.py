"""A gateway that is cut off serves on, and refuses what was revoked meanwhile once it is back (C2, H28)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fault.calling import call
from tests.islands import island
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault

AWAY_S = 6.0  # longer than it takes to find out that nobody answers


def test_key_revoked_while_a_gateway_is_cut_off_is_refused_after_its_return(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    home = Home(tmp_path)
    with island(0) as apart, KeepingControlPlane(home, apart.mainland) as control:
        upstream = apart.inside(RawUpstream)
        control.publish(make_snapshot([make_version(upstream.port)]))
        control.change(home.records())
        gateway = apart.inside(lambda: GatewayProcess(home, workers=2))

        def statuses() -> set[int]:
            callers = apart.inside(lambda: call(gateway.port, callers=4, calls=3))
            return {status for caller in callers for _, status in caller.completed}

        try:
            apart.inside(gateway.wait_ready)
            assert statuses() == {200}
            apart.cut()
            time.sleep(1)
            control.change([("credential", home.hash_of(KEY), None)])
            time.sleep(AWAY_S)
            assert statuses() == {200}
            apart.heal()
            took_s = wait_until(lambda: statuses() == {401}, "refused everywhere")
            record_property("refused_after_s", round(took_s, 2))
        finally:
            gateway.stop()
