"""Calls under way are counted together by all workers, and forgotten with the worker that had them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_sync.runtime import inflight
from gateway_sync.runtime.inflight import FULL, NO_ROOM, Inflight

KEY, OTHER = b"k" * 16, b"o" * 16


def test_workers_count_together(tmp_path: Path) -> None:
    first, second = (Inflight(tmp_path / "map", slot, 2) for slot in range(2))
    cell = first.acquire(KEY, 2)
    assert second.acquire(KEY, 2) == cell
    assert (first.acquire(KEY, 2), second.acquire(KEY, 2)) == (FULL, FULL)
    assert first.acquire(OTHER, 1) not in (cell, FULL)
    first.release(cell)
    assert second.acquire(KEY, 2) == cell


def test_what_a_slot_had_is_forgotten_when_it_is_taken_over(tmp_path: Path) -> None:
    first, second = (Inflight(tmp_path / "map", slot, 2) for slot in range(2))
    first.acquire(KEY, 9)
    second.acquire(KEY, 9)
    assert second.acquire(KEY, 2) == FULL
    again = Inflight(tmp_path / "map", 0, 2)
    assert again.acquire(KEY, 2) >= 0
    alone = Inflight(tmp_path / "map", 0, 1)  # started with fewer workers
    assert alone.acquire(KEY, 1) >= 0


def test_a_full_table_refuses_and_has_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflight, "PROBES", 2)
    table = Inflight(tmp_path / "map", 0, 1)
    keys = [b"same hash" + bytes([number]) * 7 for number in range(3)]
    cells = [table.acquire(key, 1) for key in keys]
    assert cells[2] == NO_ROOM
    table.release(cells[0])
    assert table.acquire(keys[2], 1) == cells[0]
    assert table.acquire(keys[1], 2) == cells[1]
