"""Rolling: other workers in the places of those that serve, on demand or when one has grown too large."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence

from gateway_sync.runtime.compiled import compiled_root
from gateway_sync.runtime.handover import give_over, is_startable
from gateway_sync.runtime.processes import look_at
from gateway_sync.runtime.slots import Slot

logger = logging.getLogger(__name__)

WATCH_S = 5.0


class Rolling:
    """One replacement at a time."""

    def __init__(self, slots: list[Slot], worker_bytes: int, note_all: Callable[[], None]) -> None:
        """slots is the supervisor's own list; worker_bytes 0 = no limit; note_all reads the spools to their ends."""
        self._slots = slots
        self._worker_bytes = worker_bytes
        self._note_all = note_all
        self._is_rolling = asyncio.Lock()

    async def roll(self) -> None:
        """Replace the workers one by one, by processes of the code that is on disk now; nobody is refused."""
        if self._is_rolling.locked():
            return
        async with self._is_rolling:
            compiled_root.cache_clear()
            for slot in self._slots:
                logger.info("worker %d (pid %d) is replaced", slot.number, slot.pid)
                await slot.replace()

    async def give_over(self, arguments: Sequence[str]) -> None:
        """Become the supervisor of the code on disk, whose workers follow these; nobody is refused."""
        async with self._is_rolling:
            if bool(self._slots) and await asyncio.to_thread(is_startable, arguments):
                logger.info("the supervisor is replaced, and all its workers")
                places = [slot.retire() for slot in self._slots]
                await asyncio.to_thread(self._note_all)
                give_over(arguments, places, os.environ)

    async def watch_memory(self) -> None:
        """Replace a worker that has grown beyond the soft limit; for ever."""
        while self._worker_bytes:
            await asyncio.sleep(WATCH_S)
            for slot in self._slots:
                process = look_at(slot.pid)
                if process is not None and process.memory_bytes > self._worker_bytes:
                    logger.warning("worker %d takes %d MiB and is replaced", slot.number, process.memory_bytes >> 20)
                    async with self._is_rolling:
                        await slot.replace()
