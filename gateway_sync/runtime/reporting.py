"""Reporting: when a gateway tells of itself: every few seconds, soon after a change, and not at once after a failure.

Owns: the rhythm. Workers take a change over within milliseconds of one another, so that one report tells of all of
them; and what happens while a report is under way is told by the next one at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from gateway_sync.runtime.control_plane import ControlPlaneDown
from gateway_sync.runtime.pacing import Pacing

REPORT_S: Final = 2.0
# After 10 s without a report a worker counts as absent, after 15 s its gateway as silent: no pause is as long.
FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 8.0
TOGETHER_S: Final = 0.05  # after a change, for what comes with it; and so many reports at most while changes do not end


class Reporting:
    """Reports for ever, one at a time."""

    def __init__(self, tell: Callable[[], Awaitable[ControlPlaneDown | None]], every_s: float = REPORT_S) -> None:
        """tell reads how things are and sends it; it raises nothing, and returns why it was not taken."""
        self._tell = tell
        self._every_s = every_s
        self._news = asyncio.Event()
        self._pacing = Pacing(FIRST_PAUSE_S, LONGEST_PAUSE_S)

    def soon(self) -> None:
        """Something happened that should be told before its time."""
        self._news.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            self._news.clear()  # first: of what happens from here on the report may not know
            error = await self._tell()
            if error is not None:
                await asyncio.sleep(self._pacing.pause_s(error))  # what happens meanwhile does not make it sooner
                continue
            self._pacing.taken()
            try:
                async with asyncio.timeout(self._every_s):
                    await self._news.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(TOGETHER_S)
