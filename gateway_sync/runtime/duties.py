"""Duties: what a supervisor does for ever, one beside the other.

Owns: that none of them ends unnoticed. One that fails, by a fault of ours, is told and begun anew, and the others go
on: a gateway whose usage is no longer shipped, or that hears of no revocation, looks well from outside.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

logger = logging.getLogger(__name__)

AGAIN_S: Final = 1.0

Work = Coroutine[Any, Any, None]


class Duties:
    """Those of one supervisor."""

    def __init__(self, again_s: float = AGAIN_S) -> None:
        """None yet; again_s is the pause before one is begun anew."""
        self._again_s = again_s
        self._tasks: set[asyncio.Task[None]] = set()

    def keep(self, duty: Callable[[], Work]) -> None:
        """Do it for ever, in the background."""
        self._begin(self._kept(duty))

    def do(self, work: Work) -> None:
        """Do it once, in the background."""
        self._begin(work).add_done_callback(_tell)

    def cancel(self) -> None:
        """End all that is under way."""
        for task in tuple(self._tasks):
            task.cancel()

    def _begin(self, work: Work) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _kept(self, duty: Callable[[], Work]) -> None:
        while True:
            try:
                await duty()
            except Exception:
                logger.critical("%s failed and is begun anew; please report this", _name(duty), exc_info=True)
                await asyncio.sleep(self._again_s)
            else:
                return


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("%s failed; please report this", task.get_coro(), exc_info=error)


def _name(duty: Callable[[], Work]) -> str:
    """Without its arguments: one of them may be an address with a password."""
    called = duty.func if isinstance(duty, partial) else duty
    return getattr(called, "__qualname__", type(called).__name__)
