"""Spool: where a worker notes exchanges first, in memory-mapped files that outlive it."""

from __future__ import annotations

import errno
import mmap
import os
import zlib
from pathlib import Path
from typing import Final

from gateway_sync.runtime.spool_format import (
    ADMIT,
    CELLS,
    CONTEXT,
    CONTEXT_HEAD,
    END,
    FINAL,
    FIRST_RECORD,
    HEADER,
    SEGMENT_BYTES,
    TAIL_BYTES,
    segment_path,
    spool_bytes,
)
from gateway_sync.runtime.sync_word import read_word
from gateway_sync.usage_wire import ADMIT_HEAD, FINAL_BODY, LONGEST_US, MAX_PATH

_HEADER_BYTES: Final = HEADER.size
_END: Final = SEGMENT_BYTES - TAIL_BYTES
_RESERVE: Final = 65_536  # kept for the finals of exchanges in flight when no further segment can be had


class Spool:
    """The append-only spool of one boot of a worker."""

    def __init__(self, folder: Path, boot: str, slot: int, limit_bytes: int) -> None:
        """limit_bytes is for the spools of all workers of the host; without room, nothing is noted until there is."""
        self._folder = folder
        self._boot, self._slot = boot, slot
        self._limit_bytes = limit_bytes
        self.unsynced = read_word(folder)  # [0]: whether what is noted does not reach the disk
        self._count = 0
        self._next: mmap.mmap | None = None
        self._has_room = True
        self._last_context = 0
        try:
            self._begin(self._allocate(), FIRST_RECORD)
        except OSError:
            self._begin(_full_map(), SEGMENT_BYTES)
            self._has_room = False
        self.number = 0
        self.seq = 0

    def _begin(self, segment: mmap.mmap, offset: int) -> None:
        self._map, self._offset = segment, offset
        self._written = memoryview(segment)[:FIRST_RECORD].cast("Q")  # the head
        self._contexts: dict[bytes, int] = {}  # those noted in this segment

    def _allocate(self) -> mmap.mmap:
        """A fresh segment, its blocks allocated: a store into a hole of a full disk would kill the process."""
        if spool_bytes(self._folder) + SEGMENT_BYTES > self._limit_bytes:
            raise OSError(errno.EDQUOT, "the spool has reached its limit")
        path = segment_path(self._folder, self._boot, self._slot, self._count)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, SEGMENT_BYTES)
            segment = mmap.mmap(descriptor, SEGMENT_BYTES)
        except OSError:
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        self._count += 1
        return segment

    def prepare(self) -> None:
        """Have the next segment ready before the current one is full; to be called off the hot path.

        Errors: none; a full disk shows when the space is needed.
        """
        if self._next is None and self._offset > SEGMENT_BYTES // 2:
            try:
                self._next = self._allocate()
            except OSError:
                self._has_room = False  # looked for again by the next call, not by each request
            else:
                self._has_room = True

    def _append(self, kind: int, payload: bytes, spare: int) -> bool:
        """False when the segment has no room for it."""
        start = self._offset
        body = start + _HEADER_BYTES
        end = body + len(payload)
        if end + (spare if self._next is None else 0) > _END:
            return False
        self._map[body:end] = payload
        HEADER.pack_into(self._map, start, end - body, zlib.crc32(payload), kind)
        self._offset = self._written[0] = end
        return True

    def _roll(self) -> bool:
        """Go on in the next segment; False when there is none."""
        following = self._next
        if following is None:
            if not self._has_room:
                return False
            try:
                following = self._allocate()
            except OSError:
                self._has_room = False
                return False
        HEADER.pack_into(self._map, self._offset, 0, zlib.crc32(b""), END)
        self._written[0] = SEGMENT_BYTES
        self._written.release()
        self._map.close()
        self._next = None
        self._begin(following, FIRST_RECORD)
        return True

    @property
    def segment(self) -> int:
        """The number of segments that were begun: another one tells that what was noted is in an older one."""
        return self._count

    def admit(
        self,
        number: int,
        at_us: int,
        client_request_id: bytes,
        path: bytes,
        context: bytes,
        kind: int = ADMIT,
    ) -> bool:
        """Note an exchange that is about to be sent; False when the disk is full and it must be refused.

        With READMIT one that is under way is noted again.
        """
        while True:
            index = self._contexts.get(context) or self._note_context(context)
            if index:
                head = ADMIT_HEAD.pack(number, at_us, index, len(client_request_id))
                if self._append(kind, head + client_request_id + path[:MAX_PATH], _RESERVE):
                    return True
            if not self._roll():
                return False

    def _note_context(self, context: bytes) -> int:
        """Its new number, which is good for this segment only; 0 when the segment has no room for it."""
        index = self._last_context + 1
        if not self._append(CONTEXT, CONTEXT_HEAD.pack(index) + context, _RESERVE):
            return 0
        self._last_context = self._contexts[context] = index
        return index

    def finish(
        self,
        number: int,
        status: int,
        code: int,
        duration_us: int,
        upstream_us: int,
        request_bytes: int,
        response_bytes: int,
    ) -> bool:
        """Note how an exchange ended; False when it could not be noted, so that its last byte must not go out."""
        seq = self.seq + 1
        payload = FINAL_BODY.pack(
            number,
            seq,
            status,
            code,
            duration_us if 0 <= duration_us < LONGEST_US else _possible(duration_us),
            upstream_us if 0 <= upstream_us < LONGEST_US else _possible(upstream_us),
            request_bytes,
            response_bytes,
        )
        while not self._append(FINAL, payload, 0):
            if not self._roll():
                return False
        self.seq = seq
        return True

    def add_cells(self, payload: bytes) -> bool:
        """Note counts of exchanges without an identity."""
        while not self._append(CELLS, payload, _RESERVE):
            if not self._roll():
                return False
        return True


def _possible(us: int) -> int:
    """A time that can be noted: below 0 is one during which the clock was set back."""
    return min(max(us, 0), LONGEST_US)


def _full_map() -> mmap.mmap:
    """Stands for a segment without room, for a worker that starts on a full disk; only its end is ever written."""
    return mmap.mmap(-1, SEGMENT_BYTES + HEADER.size)
