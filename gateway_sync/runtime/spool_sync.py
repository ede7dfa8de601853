"""SpoolSync: has what workers noted in their spools on disk within 50 ms, so that a power cut loses no more than that.

Runs in a thread of the supervisor: a kill of a worker loses nothing anyway, and no event loop waits for the disk or
pays for twenty hand-overs a second. What is new is seen by one look at the head of the mapped file; nothing new,
nothing synced. A sync that fails is tried again 50 ms later; while one after the other fails, workers refuse what must
be recorded.
"""

from __future__ import annotations

import asyncio
import logging
import mmap
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from gateway_sync.runtime.spool_format import FIRST_RECORD, SEGMENT_BYTES, segment_path
from gateway_sync.runtime.sync_word import written_word

logger = logging.getLogger(__name__)

EVERY_S: Final = 0.05
TOLD_S: Final = 60.0  # a disk that fails now and then takes the next call: who looks in between is to know of it
# In a row, until calls are refused: a disk that fails now and then takes the next sync, and costs no call.
FAILURES: Final = 8
UNSYNCED: Final = "spool.E005"


class _Open:
    """A segment that is being written."""

    def __init__(self, path: Path) -> None:
        """Errors: OSError; ValueError for a file that is empty yet."""
        self.descriptor = os.open(path, os.O_RDONLY)
        try:
            self.head = memoryview(mmap.mmap(self.descriptor, FIRST_RECORD, access=mmap.ACCESS_READ)).cast("Q")
        except (OSError, ValueError):
            os.close(self.descriptor)
            raise
        self.written = 0
        self.is_owed = False  # its last sync failed

    def advance(self) -> bool:
        """True when records were added since the last time, or are not on disk yet."""
        before, self.written = self.written, self.head[0]
        return self.written != before or self.is_owed

    @property
    def is_ended(self) -> bool:
        """True when the worker has gone on to the next one."""
        return self.written == SEGMENT_BYTES

    def close(self) -> None:
        """No longer needed."""
        self.head.release()
        os.close(self.descriptor)


class SpoolSync:
    """The segments that live workers write to."""

    def __init__(self, folder: Path, live_boots: Callable[[], Mapping[str, int]]) -> None:
        """live_boots tells the boots of workers that write, with their slots."""
        self._folder = folder
        self._live_boots = live_boots
        self._open: dict[str, _Open] = {}
        self._counts: dict[str, int] = {}
        self._problem = ""
        self._failed_at = 0.0
        self._failures = 0  # in a row
        self._word = written_word(folder)

    def problems(self) -> dict[str, str]:
        """What was wrong with the disk in the last minute, by code."""
        if not self._problem or time.monotonic() - self._failed_at > TOLD_S:
            return {}
        refusing = " Calls that must be recorded are refused with 503 meanwhile." if self._word[0] else ""
        return {
            UNSYNCED: f"Usage cannot be synced to disk: {self._problem}. It survives a kill, but no power cut until it"
            f" is delivered; look at the disk.{refusing}"
        }

    async def run(self) -> None:
        """Until cancelled."""
        is_over = threading.Event()
        threading.Thread(target=self._follow, args=(is_over,), name="spool-sync", daemon=True).start()
        try:
            await asyncio.Event().wait()
        finally:
            is_over.set()

    def _follow(self, is_over: threading.Event) -> None:
        while not is_over.wait(EVERY_S):
            self._sync(self._due())
            for boot in [boot for boot, segment in self._open.items() if segment.is_ended]:
                self._open.pop(boot).close()

    def _due(self) -> list[_Open]:
        """Those with something that is not on disk."""
        live = self._live_boots()
        for boot in self._open.keys() - live.keys():
            self._open.pop(boot).close()
        self._counts = {boot: self._counts.get(boot, 0) for boot in live}
        due: list[_Open] = []
        for boot, slot in live.items():
            segment = self._open.get(boot) or self._open_next(boot, slot)
            if segment is not None and segment.advance():
                due.append(segment)
        return due

    def _open_next(self, boot: str, slot: int) -> _Open | None:
        try:
            segment = self._open[boot] = _Open(segment_path(self._folder, boot, slot, self._counts[boot]))
        except (OSError, ValueError):  # not there yet, or shipped and gone already
            if segment_path(self._folder, boot, slot, self._counts[boot] + 1).exists():
                self._counts[boot] += 1
            return None
        self._counts[boot] += 1
        return segment

    def _sync(self, due: list[_Open]) -> None:
        for segment in due:
            try:
                os.fdatasync(segment.descriptor)
                segment.is_owed = False
            except OSError as error:
                segment.is_owed = True
                if not self.problems():
                    logger.error("%s: usage cannot be synced to disk: %s", UNSYNCED, error)  # noqa: TRY400 - the disk, no bug
                self._problem, self._failed_at = str(error), time.monotonic()
        self._failures = self._failures + 1 if any(segment.is_owed for segment in due) else 0
        self._word[0] = int(self._failures >= FAILURES)
