"""A rate holds across gateways of several hosts, within the bound that docs/explain/limits.md publishes. Promise R5."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway_sync.snapshot import Rate
from tests.fault.calling import call
from tests.fault.hosts import Hosts
from tests.wire.gateways import make_environment, make_snapshot, make_version
from tests.wire.raw import RawUpstream

pytestmark = pytest.mark.fault

RATE = Rate(60, 1, 60)
CALLS = 4000  # in about a second, of which most are refused: what the rate admits is asked for at every moment
FOLLOW_S = 2  # demand is told each second, and shares follow what was told in the one before
MOVE = (RATE.requests * FOLLOW_S + RATE.burst) / 2  # what passes beyond the rate when callers change between two hosts
SWAYING = 1.1  # demand is never quite steady


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Hosts]:
    """Two gateways that share a rate."""
    with RawUpstream() as upstream:
        shared = make_snapshot([make_version(upstream.port)], rate=RATE, environment=make_environment(gateways=2))
        running = Hosts(tmp_path, shared)
        try:
            yield running
        finally:
            running.stop()


def test_callers_of_all_hosts_together_get_the_rate_and_no_more(
    both: Hosts, record_property: Callable[[str, object], None]
) -> None:
    began_at = time.monotonic()
    while time.monotonic() - began_at < 2 * FOLLOW_S:
        both.call(CALLS)
    steady_at = time.monotonic()
    passed = sum(both.call(CALLS)[200] for _ in range(4))
    admitted = RATE.requests * (time.monotonic() - steady_at)
    record_property("of_the_rate", round(passed / admitted, 3))
    assert passed <= admitted * SWAYING + len(both.gateways)
    assert passed >= admitted / 2


def test_callers_who_move_to_another_host_gain_no_more_than_is_published(
    both: Hosts, record_property: Callable[[str, object], None]
) -> None:
    began_at = time.monotonic()
    hosts = (both.gateways[0], both.gateways[1], both.gateways[0])
    by_host = [_passed(gateway.port) for gateway in hosts]
    admitted = RATE.requests * (time.monotonic() - began_at) + RATE.burst
    record_property("of_the_rate", round(sum(by_host) / admitted, 3))
    assert sum(by_host) <= admitted + (len(hosts) - 1) * MOVE
    assert min(by_host) > 0


def _passed(port: int) -> int:
    """How many calls of a host's callers passed."""
    callers = call(port, callers=4, calls=2 * CALLS // 4)
    return sum(status == 200 for caller in callers for _, status in caller.completed)
