"""UsageCells: counts of exchanges that stand in no record of their own, in a map that outlives its worker.

One writer, the worker; one reader, the shipper, once the worker is dead. A count is a number in the map that is raised
in place, so a kill takes nothing back. The counts have an id: once they are noted in the spool under it, those of
the next one begin. Those of a dead worker therefore count only when its spool does not hold that id.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from typing import Final

import msgspec

from gateway_sync.runtime.spool_format import CELLS_BYTES, CELLS_SUFFIX, SPOOL_BYTES, spool_bytes
from gateway_sync.usage_wire import MAX_CELLS, UsageCell

SPARE: Final = 200  # places for what stands for all the rest
_ID: Final = 0
_USED: Final = 1
_COUNTS: Final = 2
_KEYS: Final = 8 * (_COUNTS + MAX_CELLS)
_SPARE_BYTES: Final = 128 * SPARE
_LENGTH: Final = struct.Struct("<I")

CellKey = tuple[int, str, str, int, str]  # minute, route, version, status, code
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CellKey).decode


def cells_path(folder: Path, boot: str, slot: int) -> Path:
    """Where the cells of one life of a worker is, beside its segments."""
    return folder / f"{boot}.{slot}{CELLS_SUFFIX}"


class UsageCells:
    """What a worker counts between two notes in its spool."""

    def __init__(self, path: Path, limit_bytes: int = SPOOL_BYTES) -> None:
        """The file is made. Without room on the disk, or below the limit of its folder, it counts in memory.

        What it holds then dies with the worker.
        """
        self._map = _allocated(path, limit_bytes)
        self._numbers = memoryview(self._map).cast("Q")
        self._places: dict[CellKey, int] = {}
        self._end = _KEYS
        self._numbers[_ID] = 1

    def __len__(self) -> int:
        """How many different things are counted."""
        return len(self._places)

    @property
    def has_room(self) -> bool:
        """False when what is new is counted with all the rest."""
        return len(self._places) < MAX_CELLS - SPARE and self._end < CELLS_BYTES - _SPARE_BYTES

    def add(self, key: CellKey, count: int = 1) -> None:
        """Count; past the bound with all others of the same minute, status and code."""
        place = self._places.get(key)
        if place is None:
            place = self._place(key if self.has_room else (key[0], "", "", key[3], key[4]))
        self._numbers[place] += count

    def noted(self) -> tuple[int, list[UsageCell]]:
        """The id and the counts, to be noted."""
        numbers = self._numbers
        return numbers[_ID], [UsageCell(*key, numbers[place]) for key, place in self._places.items()]

    def begin_next(self) -> None:
        """Count from zero, under the next id: what was counted is noted. First nothing is left, then the id changes."""
        self._numbers[_USED] = 0
        self._numbers[_ID] += 1
        self._places.clear()
        self._end = _KEYS

    def _place(self, key: CellKey) -> int:
        """Where it is counted from now on: with the newest, when not even what stands for the rest has room."""
        if place := self._places.get(key):
            return place
        text = _encode(key)
        end = self._end + _LENGTH.size + len(text)
        used = len(self._places)
        if used >= MAX_CELLS or end > CELLS_BYTES:
            return _COUNTS + used - 1
        _LENGTH.pack_into(self._map, self._end, len(text))
        self._map[self._end + _LENGTH.size : end] = text
        place = self._places[key] = _COUNTS + used
        self._numbers[place] = 0
        self._numbers[_USED] = used + 1  # last: the reader goes by it
        self._end = end
        return place


def left_in(path: Path) -> tuple[int, list[UsageCell]]:
    """The id and the counts that a dead worker left; none where there are none, or a power cut took it.

    Errors: OSError.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return 0, []
    if len(content) != CELLS_BYTES:
        return 0, []
    numbers = memoryview(content).cast("Q")
    cells: list[UsageCell] = []
    offset = _KEYS
    for place in range(_COUNTS, _COUNTS + min(numbers[_USED], MAX_CELLS)):
        start = offset + _LENGTH.size
        offset = start + _LENGTH.unpack_from(content, offset)[0] if start <= CELLS_BYTES else CELLS_BYTES + 1
        try:
            minute, route, version_id, status, code = _decode(content[start:offset])
        except msgspec.DecodeError:
            break
        cells.append(UsageCell(minute, route, version_id, status, code, numbers[place]))
    return numbers[_ID], [cell for cell in cells if cell.count]


def _allocated(path: Path, limit_bytes: int) -> mmap.mmap:
    """The map, its blocks allocated: a store into a hole of a full disk would kill the process."""
    try:
        if spool_bytes(path.parent) + CELLS_BYTES > limit_bytes:
            return mmap.mmap(-1, CELLS_BYTES)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return mmap.mmap(-1, CELLS_BYTES)
    try:
        os.posix_fallocate(descriptor, 0, CELLS_BYTES)
        return mmap.mmap(descriptor, CELLS_BYTES)
    except OSError:
        path.unlink(missing_ok=True)
        return mmap.mmap(-1, CELLS_BYTES)
    finally:
        os.close(descriptor)
