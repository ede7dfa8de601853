"""A gateway whose wall clock jumps, under way and at the edges of quotas (hostile input H24; promises R5, R6)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from gateway_sync.snapshot import Quota, Rate
from tests.clocks import MovingClock
from tests.waiting import PATIENCE_S, wait_until
from tests.wire.control_planes import KeepingControlPlane
from tests.wire.gateways import KEY, GatewayProcess, Home, make_snapshot, make_version
from tests.wire.raw import OK, RawClient, RawUpstream

pytestmark = pytest.mark.fault

HOUR_S = 3600
EXACT_S = 30  # less than any jump, more than a busy machine takes between two looks
GET = f"GET /bank/v1/accounts HTTP/1.1\r\nHost: a\r\nX-API-Key: {KEY}\r\n\r\n".encode()
UNKNOWN = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"


@contextmanager
def gateway_by(clock: MovingClock, home: Home) -> Iterator[GatewayProcess]:
    """One worker that lives by the clock."""
    gateway = GatewayProcess(home, variables=clock.variables())
    try:
        yield gateway.wait_ready()
    finally:
        gateway.stop()


def jump(clock: MovingClock, gateway: GatewayProcess, seconds: int) -> None:
    """Return when the worker lives by it too, as the date of its own answers says."""
    clock.jump(seconds)

    def is_there() -> bool:
        with RawClient(gateway.port) as client:
            _, head, _ = client.send(UNKNOWN).read_answer()
        line = next(line for line in head.split(b"\r\n") if line.startswith(b"Date: "))
        ahead_s = (parsedate_to_datetime(line[6:].decode()) - datetime.now(UTC)).total_seconds()
        return abs(ahead_s - clock.lead_s) < EXACT_S

    wait_until(is_there, "the worker's clock has moved")


def ask(gateway: GatewayProcess) -> int:
    with RawClient(gateway.port) as client:
        return client.send(GET).read_answer()[0]


def lead_to(instant: datetime) -> int:
    """How far ahead of now it is."""
    return int((instant - datetime.now(UTC)).total_seconds())


@pytest.mark.parametrize(
    "seconds", [-HOUR_S, *(pytest.param(hours * HOUR_S, marks=pytest.mark.slow) for hours in (1, 72))]
)
def test_a_call_under_way_while_the_clock_jumps_is_answered_and_counted_once(tmp_path: Path, seconds: int) -> None:
    home, clock, may_answer = Home(tmp_path), MovingClock(tmp_path / "clock"), threading.Event()

    def hold(peer: socket.socket, _request: bytes) -> bool:
        may_answer.wait(PATIENCE_S)
        peer.sendall(OK)
        return True

    with RawUpstream(hold) as upstream, KeepingControlPlane(home) as control:
        control.publish(make_snapshot([make_version(upstream.port)], rate=Rate(1000, 1, 1000)))
        control.change(home.records())
        with gateway_by(clock, home) as gateway:
            with RawClient(gateway.port) as client:
                client.send(GET)
                wait_until(lambda: bool(upstream.requests), "the call is at the service")
                jump(clock, gateway, seconds)
                may_answer.set()
                status, _, body = client.read_answer()
                assert (status, body) == (200, b"ok")
                assert client.send(GET).read_answer()[0] == 200
            wait_until(lambda: len(control.events) >= 2, "both are counted")
    assert sorted(event.seq for event in control.events.values()) == [1, 2]
    assert [(event.status, event.is_indeterminate) for event in control.events.values()] == [(200, False)] * 2


def test_a_clock_that_jumps_doubles_no_quota_and_takes_none(tmp_path: Path) -> None:
    """By the hour, as clocks go back at the end of a month; the zone's own change of clocks is no jump."""
    home, clock = Home(tmp_path), MovingClock(tmp_path / "clock")
    clock.jump(lead_to(datetime(2027, 10, 31, 0, 30, tzinfo=UTC)))  # in Berlin the hour before clocks go back
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)], quotas=(Quota(5, "hour"), Quota(12, "month"))))
        with gateway_by(clock, home) as gateway:
            assert [ask(gateway) for _ in range(3)] == [200] * 3
            jump(clock, gateway, -HOUR_S)
            assert [ask(gateway) for _ in range(3)] == [200, 200, 429]  # the window that was open stays open
            jump(clock, gateway, HOUR_S)
            assert ask(gateway) == 429
            jump(clock, gateway, HOUR_S)
            assert [ask(gateway) for _ in range(6)] == [200] * 5 + [429]  # its clock says that the hour is over
            jump(clock, gateway, -HOUR_S)
            assert ask(gateway) == 429
            jump(clock, gateway, 2 * HOUR_S)
            assert [ask(gateway) for _ in range(3)] == [200, 200, 429]  # the month is not over
            gateway.kill_worker(0)
            wait_until(lambda: ask(gateway) == 429, "the next worker knows as much")
            jump(clock, gateway, 24 * HOUR_S)  # November
            assert [ask(gateway) for _ in range(6)] == [200] * 5 + [429]


@pytest.mark.slow
def test_a_clock_that_goes_back_locks_nobody_out_of_a_rate(tmp_path: Path) -> None:
    home, clock = Home(tmp_path), MovingClock(tmp_path / "clock")
    with RawUpstream() as upstream:
        home.install(make_snapshot([make_version(upstream.port)], rate=Rate(1, 1, 2)))
        with gateway_by(clock, home) as gateway:
            assert ask(gateway) == 200
            jump(clock, gateway, -HOUR_S)
            wait_until(lambda: ask(gateway) == 200, "it has a rate again")
            jump(clock, gateway, 2 * HOUR_S)
            wait_until(lambda: ask(gateway) == 200, "and again")
