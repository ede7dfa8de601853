"""Cells that all workers share, when more subjects come than there is room for."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_sync.runtime.core.grants import cell_key
from gateway_sync.runtime.core.limits import NS, Terms
from gateway_sync.runtime.limit_cells import CELLS_OF_MADE_UP, LimitCells

NOW_NS = 1_767_268_800 * NS


def test_subjects_that_callers_make_up_leave_room_for_plans(tmp_path: Path) -> None:
    cells, terms = LimitCells(tmp_path / "limits", is_shared=False), Terms("rate", (1, 3600, 2))
    keys = (cell_key(f"rate:{number}", is_made_up=True) for number in range(2 * CELLS_OF_MADE_UP))
    refused = sum(cells.charge([(key, terms)], NOW_NS) is None for key in keys)
    assert refused >= CELLS_OF_MADE_UP - 100
    for number in range(5000):
        assert cells.charge([(cell_key(f"subscription {number}"), terms)], NOW_NS) is not None


@pytest.mark.slow
def test_half_a_million_subjects_take_no_more_room_than_the_cells(tmp_path: Path) -> None:
    cells, terms = LimitCells(tmp_path / "limits", is_shared=False), Terms("rate", (1, 1, 2))
    size = (tmp_path / "limits").stat().st_size
    before = _memory()
    for number in range(500_000):
        address = f"2001:db8::{number:x}"
        cells.charge([(cell_key(f"address:{address}", is_made_up=True), terms)], NOW_NS + number * 1_000_000)
    assert (tmp_path / "limits").stat().st_size == size
    assert _memory() - before < 64 << 20  # the map itself, and what is remembered of where cells are


def _memory() -> int:
    """Resident bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
