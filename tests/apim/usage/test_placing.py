"""Calls that a gateway with a wrong clock counted are kept, at a moment that sums can have. H24."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from apim.usage.placing import AHEAD, BEHIND, placed
from gateway_sync.usage_wire import UsageCell
from tests.factories.usage import NOON, batch, event

YEAR_S = 365 * 86_400


def cell(at: datetime) -> UsageCell:
    return UsageCell(int(at.timestamp()) // 60 * 60, "GET /accounts", "ver_1", 401, "unauthenticated", 5)


@pytest.mark.parametrize("off", [timedelta(0), AHEAD, -BEHIND, timedelta(hours=-72)], ids=str)
def test_a_moment_within_bounds_is_kept(off: timedelta) -> None:
    told = batch(event(1, at=NOON + off), event(2))
    assert placed(told, NOON) == (told, 0)
    cells = batch(cells=(cell(NOON),), cells_id=1)
    assert placed(cells, NOON) == (cells, 0)


@pytest.mark.parametrize("years", [-56, -2, 2, 200])
def test_a_moment_that_cannot_be_becomes_that_of_receipt_and_the_rest_stays(years: int) -> None:
    wrong = event(2).at_us + years * YEAR_S * 1_000_000
    told = batch(event(1), event(2, at_us=max(0, wrong), status=429), cells=(cell(NOON),), cells_id=1)
    found, off_s = placed(told, NOON + timedelta(minutes=5))
    assert found.records == [event(1), event(2, at=NOON + timedelta(minutes=5), status=429)]
    assert (found.cells, found.cells_id, found.last_seq) == (told.cells, 1, 2)
    assert (off_s > 0, abs(off_s) > YEAR_S) == (years > 0, True)


def test_counts_of_nobody_are_placed_too_by_the_minute() -> None:
    told = batch(event(1), cells=(cell(NOON), cell(NOON + timedelta(days=2))), cells_id=1)
    found, off_s = placed(told, NOON)
    assert found.records == told.records
    assert found.cells == [cell(NOON)] * 2
    assert off_s == pytest.approx(2 * 86_400, abs=60)


def test_how_far_off_is_told_of_the_farthest() -> None:
    told = batch(event(1, at=NOON + timedelta(days=3)), event(2, at=NOON - timedelta(days=1000)))
    assert placed(told, NOON)[1] == -1000 * 86_400
