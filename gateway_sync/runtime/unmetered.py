"""Unmetered: calls that were served without a record, told for as long as it matters."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from gateway_sync.runtime.stats import UNMETERED

CODE: Final = "spool.E006"
TOLD_S: Final = 600.0  # after the last one: who looks in between is to know of it


class Unmetered:
    """Those of one host, since its supervisor began."""

    def __init__(self, stats: Sequence[memoryview], clock: Callable[[], float] = time.monotonic) -> None:
        """Shapes: stats are the counts of the slots."""
        self._stats = stats
        self._clock = clock
        self._first = self._last = self._count()
        self._grew_at = -TOLD_S

    def problems(self) -> dict[str, str]:
        """How many there were, by code; nothing once the last is long ago."""
        now, count = self._clock(), self._count()
        if now - self._grew_at >= TOLD_S:
            self._first = self._last
        if count != self._last:
            self._last, self._grew_at = count, now
        if now - self._grew_at >= TOLD_S:
            return {}
        served = self._last - self._first
        return {CODE: f"Usage finds no room on disk. Calls that were served without being recorded: {served:,}."}

    def _count(self) -> int:
        return sum(cells[UNMETERED] for cells in self._stats)
