"""Where usage finds no room, a plan may have calls served: they are told of and counted, and others refused (H22)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway_sync.snapshot import Plan, Snapshot
from gateway_sync.usage_wire import UNMETERED_CODE
from tests.fault.calling import call, codes, samples_of
from tests.fault.small_disks import counted_at, fill, small_disk  # noqa: F401 - a fixture
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, Record, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream

pytestmark = pytest.mark.fault

STRICT_KEY = KEY.replace("k", "s")
LEAST = 20  # calls without a record
MOST_CALLERS = 1000  # whose calls no spool on that disk has room for


def with_lenient_plan(upstream: RawUpstream) -> Snapshot:
    """A state with the plan of the tests, and one whose calls are served though they cannot be recorded."""
    plain = make_snapshot([make_version(upstream.port)])
    (plan,) = plain.products.plans
    lenient = Plan("pln_2", "free", 1, plan.rate, plan.quotas, plan.timezone, is_served_unrecorded=True)
    return replace(plain, products=replace(plain.products, plans=(plan, lenient)))


def records(home: Home) -> list[Record]:
    """A key of an application of the lenient plan, and one of an application of the strict one."""
    strict = [
        ("credential", home.hash_of(STRICT_KEY), {
            "id": "crd_2", "application": "app_2", "organization": "org_1", "product": "", "state": "active",
            "expires_at": 0,
        }),
        ("application", "app_2", {"organization": "org_1", "state": "active", "name": "till"}),
        ("subscription", "sub_2", {
            "organization": "org_1", "product": "prd_1", "plan": "pln_1", "lifecycle": "active", "payment": "none",
            "applications": ["app_2"], "created_at": 1, "ends_at": 0,
        }),
    ]  # fmt: skip
    return [*home.records(plan="pln_2"), *strict]


def answer(gateway: GatewayProcess, key: str) -> tuple[int, bytes]:
    with RawClient(gateway.port) as client:
        client.send(f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\n\r\n".encode())
        status, head, _ = client.read_answer()
    return status, head


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
