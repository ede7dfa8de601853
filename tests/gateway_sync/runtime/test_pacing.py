"""Pauses after what was not taken: random below a bound that doubles, and never sooner than was asked for."""

from __future__ import annotations

import pytest

from gateway_sync.runtime import reporting, shipper
from gateway_sync.runtime.control_plane import ControlPlaneDown, ControlPlaneRefused
from gateway_sync.runtime.pacing import LEAST_S, SPREAD_S, Pacing

MANY = 400


def pauses(failures: int, error: Exception | None = None) -> list[float]:
    """What many gateways wait after so many failures in a row."""
    found = []
    for _ in range(MANY):
        pacing = Pacing(2.0, 8.0)
        for _ in range(failures):
            last = pacing.pause_s(error)
        found.append(last)
    return found


@pytest.mark.parametrize(("failures", "bound_s"), [(1, 2.0), (2, 4.0), (3, 8.0), (9, 8.0)])
def test_those_that_failed_together_come_back_all_over_the_time(failures: int, bound_s: float) -> None:
    found = pauses(failures, ControlPlaneDown("gone"))
    assert LEAST_S <= min(found) < bound_s / 10
    assert bound_s * 0.9 < max(found) <= bound_s


@pytest.mark.parametrize(("asked_s", "least_s"), [(5, 5.0), (3600, 8.0)])
def test_who_is_told_when_to_come_back_does_not_come_sooner_nor_in_step(asked_s: int, least_s: float) -> None:
    found = pauses(1, ControlPlaneRefused(503, asked_s, b""))
    assert least_s < min(found) < max(found) <= least_s + SPREAD_S
    assert max(found) - min(found) > SPREAD_S / 2


def test_after_a_success_the_next_failure_is_a_first_one() -> None:
    pacing = Pacing(0.1, 100.0)
    for _ in range(9):
        pacing.pause_s()
    pacing.taken()
    assert pacing.pause_s() <= 0.1


def test_a_gateway_that_may_be_heard_again_is_not_silent_first_and_usage_comes_long_before_a_gap_is_told() -> None:
    absent_s, gap_s = 10.0, 15 * 60.0
    assert absent_s > reporting.LONGEST_PAUSE_S + SPREAD_S
    assert gap_s / 10 > shipper.LONGEST_PAUSE_S + SPREAD_S
