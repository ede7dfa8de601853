"""What a worker counts outlives it.

Promise R6.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from gateway_sync.runtime.spool_format import CELLS_BYTES, spool_bytes
from gateway_sync.runtime.spool_reader import LONGEST_RECORD
from gateway_sync.runtime.usage_cells import UsageCells, left_in
from gateway_sync.usage_wire import MAX_CELLS, UsageCell

KEY = (60, "GET /accounts", "ver_1", 401, "unauthenticated")
OTHER = (60, "", "", 400, "framing-invalid")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "boot.0.cells"


def total(path: Path) -> int:
    return sum(cell.count for cell in left_in(path)[1])


def test_each_count_is_left_as_it_is_raised(path: Path) -> None:
    cells = UsageCells(path)
    assert left_in(path) == (1, [])
    for number in range(1, 400):
        cells.add(KEY)
        assert left_in(path) == (1, [UsageCell(*KEY, number)])
    cells.add(OTHER, 3)
    assert left_in(path) == (1, [UsageCell(*KEY, 399), UsageCell(*OTHER, 3)])
    assert cells.noted() == left_in(path)


def test_what_was_noted_is_left_no_more(path: Path) -> None:
    cells = UsageCells(path)
    cells.add(KEY, 5)
    cells.begin_next()
    assert (len(cells), left_in(path)) == (0, (2, []))
    cells.add(OTHER)
    assert left_in(path) == (2, [UsageCell(*OTHER, 1)])


def test_what_has_no_place_of_its_own_is_counted_with_the_rest_and_fits_a_record(path: Path) -> None:
    cells = UsageCells(path)
    for number in range(2 * MAX_CELLS):
        cells.add((60, f"GET /{number}", "ver_1", 404, "not-found"))
    assert not cells.has_room
    _, cells = left_in(path)
    assert cells[-1] == UsageCell(60, "", "", 404, "not-found", 2 * MAX_CELLS - len(cells) + 1)
    assert total(path) == 2 * MAX_CELLS
    assert len(cells) < MAX_CELLS


def test_long_names_end_its_room_as_well(path: Path) -> None:
    cells = UsageCells(path)
    for number in range(3000):
        cells.add((60, f"GET /{number}/{'x' * 500}", "ver_1", 404, "not-found"))
    assert total(path) == 3000
    assert len(msgspec.msgpack.encode(cells.noted())) < LONGEST_RECORD


def test_nothing_is_lost_when_not_even_the_rest_has_room(path: Path) -> None:
    cells = UsageCells(path)
    for number in range(2 * MAX_CELLS):
        cells.add((60 * number, "", "", 404, "not-found"))
    assert total(path) == 2 * MAX_CELLS
    assert len(cells) <= MAX_CELLS


def test_what_a_power_cut_left_is_read_as_far_as_it_is_whole(path: Path) -> None:
    assert left_in(path) == (0, [])
    path.write_bytes(b"short")
    assert left_in(path) == (0, [])
    path.write_bytes(bytes(CELLS_BYTES))
    assert left_in(path) == (0, [])
    path.write_bytes(b"\xff" * CELLS_BYTES)
    assert left_in(path)[1] == []
    path.unlink()
    UsageCells(path).add(KEY)
    content = bytearray(path.read_bytes())
    content[8:16] = (2).to_bytes(8, "little")  # one more than there are
    path.write_bytes(content)
    assert left_in(path) == (1, [UsageCell(*KEY, 1)])


def test_without_room_on_disk_it_counts_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "boot.0.cells"
    cells = UsageCells(path)
    cells.add(KEY, 2)
    assert cells.noted() == (1, [UsageCell(*KEY, 2)])
    assert left_in(path) == (0, [])


def test_its_folder_grows_no_further_than_its_limit(tmp_path: Path) -> None:
    several = [UsageCells(tmp_path / f"{boot}.0.cells", 2 * CELLS_BYTES) for boot in "abc"]
    for cells in several:
        cells.add(KEY)
    assert spool_bytes(tmp_path) == 2 * CELLS_BYTES
    assert several[2].noted() == (1, [UsageCell(*KEY, 1)])
