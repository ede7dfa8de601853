"""LagWatch: how late the event loop is, and whether a worker must refuse requests until it has caught up.

One stall (a busy machine, a state that is taken over) refuses nobody; a loop that stays late does, before the queue
in it has grown to where every answer comes too late.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

TICK_S = 0.05
SAMPLES = 3  # in a row that must be late
WINDOW_S = 10.0  # of the maximum that is told


class LagWatch:
    """Measures each TICK_S by when its own timer comes."""

    def __init__(self, limit_s: Callable[[], float], tell: Callable[[bool], None]) -> None:
        """limit_s gives the bound; tell is called with True when it is passed, with False when it no longer is."""
        self._limit_s = limit_s
        self._tell = tell
        self._late = 0
        self._is_overloaded = False
        self._loop = asyncio.get_running_loop()
        self._began = time.monotonic()
        self._window = (self._began, 0.0, 0.0)  # since when, the longest in it, the longest in the one before
        self._timer = self._loop.call_later(TICK_S, self._measure)

    @property
    def longest_s(self) -> float:
        """The longest lag of the last ten to twenty seconds."""
        return max(self._window[1:])

    def _measure(self) -> None:
        now = time.monotonic()
        lag_s = max(0.0, now - self._began - TICK_S)
        since, longest, before = self._window
        self._window = (now, lag_s, longest) if now - since > WINDOW_S else (since, max(longest, lag_s), before)
        self._late = self._late + 1 if lag_s > self._limit_s() else 0
        is_overloaded = self._late >= SAMPLES
        if is_overloaded != self._is_overloaded:
            self._is_overloaded = is_overloaded
            self._tell(is_overloaded)
        self._began = now
        self._timer = self._loop.call_later(TICK_S, self._measure)

    def stop(self) -> None:
        """Measure no more."""
        self._timer.cancel()
