"""Where usage finds no room, a plan may have calls served: they are told of and counted, and others refused (H22)."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_sync.usage_wire import UNMETERED_CODE
from tests.fault.calling import call, codes, samples_of
from tests.fault.leniency import STRICT_KEY, answer, records, with_lenient_plan
from tests.fault.small_disks import counted_at, fill, small_disk  # noqa: F401 - a fixture
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault

LEAST = 20  # calls without a record
MOST_CALLERS = 1000  # whose calls no spool on that disk has room for


def test_a_full_disk_refuses_calls_of_strict_plans_and_serves_those_of_others_unmetered(
    small_disk: Path,  # noqa: F811
) -> None:
    home = Home(small_disk / "home")
    with RawUpstream() as upstream, KeepingControlPlane(home) as control:
        home.install(with_lenient_plan(upstream), records(home))
        gateway = GatewayProcess(home, workers=1).wait_ready()
        try:
            filler = small_disk / "filler"
            recorded = call(gateway.port, callers=2, calls=20)
            assert b"apim-usage" not in answer(gateway, KEY)[1]
            fill(filler)
            control.is_down = True
            answered = list(recorded)
            while answer(gateway, STRICT_KEY)[0] == 200 and len(answered) < MOST_CALLERS:
                answered += call(gateway.port, callers=8, calls=500)
            assert {status for caller in answered for _, status in caller.completed} == {200}
            for _ in range(LEAST):
                status, head = answer(gateway, KEY)
                assert (status, b"apim-usage: unmetered" in head) == (200, True)
                assert answer(gateway, STRICT_KEY)[0] == 503
            wait_until(lambda: "spool.E006" in codes(gateway), "it is told")
            (unmetered,) = map(int, samples_of(gateway, 'apim_unmetered_total{slot="0"}'))
            assert unmetered >= LEAST
            control.is_down = False
            filler.unlink()
            wait_until(lambda: answer(gateway, STRICT_KEY)[0] == 200, "all is served again")
            assert b"apim-usage" not in answer(gateway, KEY)[1]
            wait_until(lambda: unmetered_of(control) == unmetered, "each is counted once, without its caller")
            acknowledged = {item for caller in answered for item in caller.completed}
            (total,) = map(int, samples_of(gateway, 'apim_unmetered_total{slot="0"}'))
            wait_until(lambda: len(acknowledged - counted_at(control)) <= total, "all others are counted")
            assert total == unmetered
        finally:
            gateway.stop()
    ids = [event.request_id for event in control.events.values() if event.status == 200]
    assert len(set(ids)) == len(ids)


def unmetered_of(control: KeepingControlPlane) -> int:
    """How many the control plane was told of."""
    return sum(cell.count for cell in list(control.cells) if cell.code == UNMETERED_CODE)
