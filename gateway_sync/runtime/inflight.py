"""Inflight: calls under way by subject, in a memory-mapped file that all workers of a host share.

A cell has a column for each worker's slot, written by that worker alone; a check reads the sum. Check and count are one
step under a byte-range lock of the cell, which the kernel frees when its holder is killed. What a killed worker had
under way is zeroed by the worker that takes over its slot, so no count is ever left behind; a cell of zeros is free.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from pathlib import Path

CELLS = 4096
PROBES = 32
SLOTS = 256  # workers of one host
FULL, NO_ROOM = -1, -2
_KEY_BYTES = 16
_CELL = struct.Struct(f"<{_KEY_BYTES}s{SLOTS}H")
_COUNT = struct.Struct("<H")
_ZEROS = bytes(2 * SLOTS)


class Inflight:
    """The counts of this host, as one worker changes them."""

    def __init__(self, path: Path, slot: int, workers: int) -> None:
        """What the slot, and slots that no worker has, had under way is over.

        Errors: OSError when the file cannot be made; blocks are allocated first, for a full disk kills who maps holes.
        """
        if not 0 <= slot < workers <= SLOTS:
            message = f"worker {slot} of {workers} has no column: {SLOTS} are the most"
            raise OSError(message)
        self._is_shared = workers > 1
        self._column = _KEY_BYTES + 2 * slot
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        size = CELLS * _CELL.size
        os.posix_fallocate(self._descriptor, 0, size)
        self._map = mmap.mmap(self._descriptor, size)
        nobodys = range(_KEY_BYTES + 2 * workers, _CELL.size, 2)
        for offset in range(0, size, _CELL.size):
            if self._map[offset + _KEY_BYTES : offset + _CELL.size] != _ZEROS:
                for column in (self._column, *nobodys):
                    _COUNT.pack_into(self._map, offset + column, 0)

    def acquire(self, key: bytes, most: int) -> int:
        """The cell in which one more call of the subject is counted now; FULL when `most` are, or NO_ROOM.

        Shapes: key has 16 bytes.
        """
        for _ in range(PROBES):
            cell = self._find(key, most)
            if cell is not None:
                return cell
        return NO_ROOM

    def _find(self, key: bytes, most: int) -> int | None:
        """As acquire; None when a free cell was taken by another worker in between."""
        first = int.from_bytes(key[:8], "little") % CELLS
        places = [(first + step) % CELLS * _CELL.size for step in range(PROBES)]
        # The lock of the first place stands for the whole probe: two workers never take two cells for one subject.
        self._lock(CELLS * _CELL.size + first, 1)
        try:
            free = -1
            for offset in places:
                owner = self._map[offset : offset + _KEY_BYTES]
                is_free = self._map[offset + _KEY_BYTES : offset + _CELL.size] == _ZEROS
                if owner == key and not is_free:
                    return self._add(offset, key, most)
                if free < 0 and is_free:
                    free = offset
            return self._add(free, key, most) if free >= 0 else NO_ROOM
        finally:
            self._unlock(CELLS * _CELL.size + first, 1)

    def _add(self, offset: int, key: bytes, most: int) -> int | None:
        self._lock(offset, _CELL.size)
        try:
            owner, *counts = _CELL.unpack_from(self._map, offset)
            under_way = sum(counts)
            if owner != key and under_way:
                return None
            if under_way >= most:
                return FULL
            if owner != key:
                self._map[offset : offset + _KEY_BYTES] = key
            self._change(offset, 1)
        finally:
            self._unlock(offset, _CELL.size)
        return offset

    def release(self, cell: int) -> None:
        """The call that was counted in the cell is over."""
        self._change(cell, -1)

    def _change(self, offset: int, by: int) -> None:
        (count,) = _COUNT.unpack_from(self._map, offset + self._column)
        _COUNT.pack_into(self._map, offset + self._column, count + by)

    def _lock(self, offset: int, length: int) -> None:
        if self._is_shared:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, length, offset)

    def _unlock(self, offset: int, length: int) -> None:
        if self._is_shared:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, length, offset)
