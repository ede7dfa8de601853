"""Quotas of a subscription's own windows: what callers are told, and that another plan's count apart (R5)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway_sync.runtime.core.windows import anchored_window
from gateway_sync.snapshot import Quota, Snapshot
from tests.waiting import wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import RawClient, RawUpstream

GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()
BEGUN = int(time.time()) - 45 * 86_400


@pytest.fixture
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeepingControlPlane]:
    with KeepingControlPlane(Home(tmp_path_factory.mktemp("gateway"))) as plane:
        yield plane


def state(port: int, quotas: tuple[Quota, ...], interval: str = "month") -> Snapshot:
    plain = make_snapshot([make_version(port)], quotas=quotas)
    plans = tuple(replace(plan, interval=interval) for plan in plain.products.plans)
    return replace(plain, products=replace(plain.products, plans=plans))


def call(gateway: GatewayProcess) -> tuple[int, bytes]:
    with RawClient(gateway.port) as client:
        return client.send(GET).read_answer()[:2]


def told(head: bytes, name: str) -> tuple[int, int, int]:
    """(the window's length, what is left, seconds until it begins anew) of a quota."""
    length = re.search(rb'"%s";q=\d+;w=(\d+)' % name.encode(), head)
    left = re.search(rb'"%s";r=(\d+);t=(\d+)' % name.encode(), head)
    assert length
    assert left
    return int(length[1]), int(left[1]), int(left[2])


def test_a_window_of_the_subscription_is_told_as_it_is_and_refuses_at_its_end(
    control: KeepingControlPlane, upstream: RawUpstream
) -> None:
    control.publish(state(upstream.port, (Quota(3, "period", window="anchored"), Quota(9, "day")), "week"))
    control.change(control.home.records(created_at=BEGUN))
    gateway = GatewayProcess(control.home, workers=2)
    try:
        gateway.wait_ready()
        answers = [call(gateway) for _ in range(4)]
        assert [status for status, _ in answers] == [200, 200, 200, 429]
        now = int(time.time())
        start, end = anchored_window("week", BEGUN, now)
        length, left, reset_s = told(answers[2][1], "period-week")
        assert (length, left) == (end - start, 0) == (7 * 86_400, 0)
        assert 0 <= reset_s - (end - now) <= 30

        # Whose billing begins is counted from there, at once, with the same key.
        control.change(control.home.records(created_at=BEGUN, anchor=now - 3 * 3600))
        wait_until(lambda: call(gateway)[0] == 200, "the new window is known")
        gateway.stop()
        gateway = GatewayProcess(control.home, workers=2)
        gateway.wait_ready()
        wait_until(lambda: call(gateway)[0] == 429, "what was counted outlives a restart")
    finally:
        gateway.stop()
