"""TraceRing: where a worker leaves traces for its supervisor: a shared map of fixed size that outlives it.

One writer, the worker of the slot, and one reader. A full ring takes no more until the reader has caught up: traces
may be lost, the disk and the worker's time may not. Head: where the writer is and where the reader is, in bytes since
the ring was made, and how many were lost. Record: its length, then the trace; a length of SKIP leads to the start.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from typing import Final

DATA_BYTES: Final = 2 * 2**20
_HEAD: Final = 64
_LENGTH: Final = struct.Struct("<I")
_SKIP: Final = 2**32 - 1
_WRITTEN, _READ, _LOST = 0, 1, 2


def ring_path(folder: Path, slot: int) -> Path:
    """Where the ring of a slot is."""
    return folder / f"traces.{slot}.ring"


class TraceRing:
    """The ring of one slot, seen from either side."""

    def __init__(self, path: Path) -> None:
        """The file is made when missing. Errors: OSError, on a full disk too: its blocks are allocated first."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _HEAD + DATA_BYTES)
            self._map = mmap.mmap(descriptor, _HEAD + DATA_BYTES)
        finally:
            os.close(descriptor)
        self._cells = memoryview(self._map)[:_HEAD].cast("Q")

    @property
    def lost(self) -> int:
        """How many traces found no room."""
        return self._cells[_LOST]

    def write(self, record: bytes) -> bool:
        """Add a trace; False when there is no room."""
        written, need = self._cells[_WRITTEN], len(record) + _LENGTH.size
        to_end = DATA_BYTES - written % DATA_BYTES
        skipped = to_end if to_end < need else 0
        if written + skipped + need > self._cells[_READ] + DATA_BYTES:
            self._cells[_LOST] += 1
            return False
        if skipped >= _LENGTH.size:
            _LENGTH.pack_into(self._map, _HEAD + DATA_BYTES - skipped, _SKIP)
        written += skipped
        start = _HEAD + written % DATA_BYTES
        _LENGTH.pack_into(self._map, start, len(record))
        self._map[start + _LENGTH.size : start + need] = record
        self._cells[_WRITTEN] = written + need  # last: the reader goes by it
        return True

    def read(self, most: int) -> list[bytes]:
        """The next traces, which make room. What is damaged, as by a power cut, is passed over."""
        read, written = self._cells[_READ], self._cells[_WRITTEN]
        records: list[bytes] = []
        if not 0 <= written - read <= DATA_BYTES:
            read = written
        while read < written and len(records) < most:
            to_end = DATA_BYTES - read % DATA_BYTES
            start = _HEAD + read % DATA_BYTES
            length = _LENGTH.unpack_from(self._map, start)[0] if to_end >= _LENGTH.size else _SKIP
            if length == _SKIP:
                read += to_end
                continue
            if length + _LENGTH.size > min(to_end, written - read):
                read = written
                break
            records.append(self._map[start + _LENGTH.size : start + _LENGTH.size + length])
            read += _LENGTH.size + length
        self._cells[_READ] = read
        return records
