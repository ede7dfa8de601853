"""Reporting: when a gateway tells of itself: every few seconds, and soon after a change.

Owns: the rhythm. Workers take a change over within milliseconds of one another, so that one report tells of all of
them; and what happens while a report is under way is told by the next one at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

REPORT_S: Final = 2.0
TOGETHER_S: Final = 0.05  # after a change, for what comes with it; and so many reports at most while changes do not end


class Reporting:
    """Reports for ever, one at a time."""

    def __init__(self, tell: Callable[[], Awaitable[None]], every_s: float = REPORT_S) -> None:
        """tell reads how things are and sends it; it raises nothing."""
        self._tell = tell
        self._every_s = every_s
        self._news = asyncio.Event()

    def soon(self) -> None:
        """Something happened that should be told before its time."""
        self._news.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            self._news.clear()  # first: of what happens from here on the report may not know
            await self._tell()
            try:
                async with asyncio.timeout(self._every_s):
                    await self._news.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(TOGETHER_S)
