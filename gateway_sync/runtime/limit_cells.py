"""Cells of limits in a memory-mapped file that all workers of a host share, kept across restarts.

A check and its count are one step under a byte-range lock of the cell, which the kernel frees when its holder is
killed: a mutex in the map would stay locked for ever. Cells are found by hash with linear probing; a cell whose limits
have all run out is free again, so the file does not grow.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from gateway_sync.runtime.core.limits import CELL_LENGTH, EXPIRES, NS, Charged, Terms, charge_all

CELLS: Final = 131_072
PROBES: Final = 48
# For subjects that callers may make up, such as the values of a header: however many come, plans find room beside them.
CELLS_OF_MADE_UP: Final = CELLS // 4
_CELL: Final = struct.Struct(f"=16s{CELL_LENGTH}q")
_KEY_BYTES: Final = 16
_WORD_BYTES: Final = 8
_EMPTY: Final = bytes(_KEY_BYTES)

Known = tuple[int, int, int]  # of a call: its status, 0 = not yet; bytes of the request, and of the answer


class LimitCells:
    """The shared cells of this host."""

    def __init__(self, path: Path, *, is_shared: bool) -> None:
        """is_shared = other workers use the file too; without them there is nobody to lock out.

        Errors: OSError when the file cannot be made; blocks are allocated first, for a full disk kills who maps holes.
        """
        self._is_shared = is_shared
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        size = CELLS * _CELL.size
        os.posix_fallocate(self._descriptor, 0, size)
        self._map = mmap.mmap(self._descriptor, size)
        self._words = memoryview(self._map).cast("q")  # for who needs few of a cell's numbers
        self._offsets: dict[bytes, int] = {}

    def close(self) -> None:
        """Let the file go: other cells of it are charged from now on. No lock may be held."""
        self._words.release()
        self._map.close()
        os.close(self._descriptor)

    def _lock(self, length: int, offset: int) -> None:
        if self._is_shared:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, length, offset)

    def _unlock(self, length: int, offset: int) -> None:
        if self._is_shared:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, length, offset)

    def charge(self, charges: Sequence[tuple[bytes, Terms]], now_ns: int, size: int = 0) -> Charged | None:
        """Count one request against all terms or none; None when no cell is free for a subject (fails closed).

        Shapes: size is what the request says of its body, for terms that count bytes.
        """
        if len(charges) == 1 and not size:
            return self._charge_one(charges[0][0], charges[0][1], now_ns)
        offsets = [self._find(key, now_ns) for key, _ in charges]
        known = [offset for offset in offsets if offset is not None]
        if len(known) != len(offsets):
            return None
        locked = sorted(set(known))  # one order for all workers, so that two never wait for each other
        for offset in locked:
            self._lock(_CELL.size, offset)
        try:
            cells = [list(_CELL.unpack_from(self._map, offset)[1:]) for offset in known]
            charged = charge_all([terms for _, terms in charges], cells, now_ns, size)
            if not charged[0]:
                for offset, (key, _), cell in zip(known, charges, cells, strict=True):
                    _CELL.pack_into(self._map, offset, key, *cell)
        finally:
            for offset in locked:
                self._unlock(_CELL.size, offset)
        return charged

    def settle(self, charges: Iterable[tuple[bytes, Terms]], started_ns: int, before: Known, now: Known) -> None:
        """Count what is known now of a call, and was not yet when it was counted before."""
        for key, terms in charges:
            more = terms.owed(*now) - terms.owed(*before) if terms.is_settled else 0
            if not more or (offset := self._find(key, started_ns)) is None:
                continue
            self._lock(_CELL.size, offset)
            try:
                if self._map[offset : offset + _KEY_BYTES] == key:
                    first = (offset + _KEY_BYTES) // _WORD_BYTES
                    terms.settle_more(self._words[first : first + CELL_LENGTH], started_ns, more)
            finally:
                self._unlock(_CELL.size, offset)

    def _charge_one(self, key: bytes, terms: Terms, now_ns: int) -> Charged | None:
        while True:
            offset = self._offsets.get(key)
            if offset is None:
                offset = self._find(key, now_ns)
                if offset is None:
                    return None
            if self._is_shared:
                self._lock(_CELL.size, offset)
            try:
                if self._map[offset : offset + _KEY_BYTES] == key:
                    first = (offset + _KEY_BYTES) // _WORD_BYTES
                    return terms.settle(self._words[first : first + CELL_LENGTH], now_ns)
            finally:
                if self._is_shared:
                    self._unlock(_CELL.size, offset)
            del self._offsets[key]  # the cell had run out and was given to another subject

    def _find(self, key: bytes, now_ns: int) -> int | None:
        """The offset of the subject's cell, taken if it has none; None when every place it may have is in use."""
        known = self._offsets.get(key)
        if len(self._offsets) >= CELLS:
            self._offsets.clear()  # most have run out meanwhile; they are found again
        if known is not None and self._map[known : known + 16] == key:
            return known
        first = int.from_bytes(key[:8], "little")
        first = first % CELLS_OF_MADE_UP if key[-1] & 1 else CELLS_OF_MADE_UP + first % (CELLS - CELLS_OF_MADE_UP)
        places = [(first + step) % CELLS * _CELL.size for step in range(PROBES)]
        # The lock of the first place stands for the whole probe: two workers never take two cells for one subject.
        self._lock(1, CELLS * _CELL.size + first)
        try:
            free = None
            for offset in places:
                owner, *cell = _CELL.unpack_from(self._map, offset)
                if owner == key:
                    self._offsets[key] = offset
                    return offset
                if free is None and (owner == _EMPTY or cell[EXPIRES] < now_ns // NS):
                    free = offset
            if free is None or not self._take(free, key, now_ns):
                return None
            self._offsets[key] = free
            return free
        finally:
            self._unlock(1, CELLS * _CELL.size + first)

    def _take(self, offset: int, key: bytes, now_ns: int) -> bool:
        self._lock(_CELL.size, offset)
        try:
            owner, *cell = _CELL.unpack_from(self._map, offset)
            if owner != _EMPTY and cell[EXPIRES] >= now_ns // NS:
                return False
            fresh = [0] * CELL_LENGTH
            fresh[EXPIRES] = now_ns // NS + 60  # until the first charge says more
            _CELL.pack_into(self._map, offset, key, *fresh)
            return True
        finally:
            self._unlock(_CELL.size, offset)
