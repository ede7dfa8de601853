"""Follower: hears of changes, pushed by Redis and pulled from the control plane, and hands them to the keeper.

Owns: when to ask again. Push is a short cut: whatever it loses, the next pull brings.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from gateway_sync.runtime import push
from gateway_sync.runtime.control_plane import ControlPlane, ControlPlaneDown
from gateway_sync.runtime.keeper import Taken
from gateway_sync.runtime.pacing import Pacing
from gateway_sync.runtime.updates import Update, decode_update

logger = logging.getLogger(__name__)

WAIT_S = 20.0
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 5.0  # a pull must bring what a dead Redis did not push within 5 s
HURRIED_S = 0.2
UNREADABLE = "update.E001"
UNWRITTEN = "update.E002"


class Patience(Protocol):
    """How long an answer may be waited for."""

    def wait_s(self, longest_s: float, /) -> float:
        """Seconds, at most longest_s."""


class Knows(Protocol):
    """Who has the state of a gateway: its keeper."""

    @property
    def generation(self) -> object:
        """What is in use; None = nothing yet."""

    @property
    def vouching(self) -> Patience:
        """How long the records may go without an answer."""

    def ask(self, wait_s: float, /) -> bytes:
        """The body of a question: what is known."""

    def take(self, update: Update, *, is_pushed: bool) -> Taken:
        """Use an update; what it changed. Errors: OSError."""


class Follower:
    """The two ways by which one gateway learns what is new."""

    def __init__(self, environment: str, control: ControlPlane, keeper: Knows, spread: Callable[[Taken], None]) -> None:
        """spread is told what each update changed."""
        self._environment = environment
        self._control = control
        self._keeper = keeper
        self._spread = spread
        self._wake = asyncio.Event()
        self.is_push_connected = False
        self._seen_at = 0.0  # when the control plane answered last, of the monotonic clock
        self.problems: dict[str, str] = {}  # code -> message

    def unseen_s(self) -> float | None:
        """Seconds since the control plane answered; None when it never did."""
        return round(time.monotonic() - self._seen_at, 1) if self._seen_at else None

    def _take(self, content: bytes, *, is_pushed: bool) -> Taken:
        """Use an update. Errors: OSError on a full disk."""
        try:
            update = decode_update(content)
        except ValueError as error:
            self.problems[UNREADABLE] = f"An update could not be read: {error}."
            logger.error("an update could not be read: %s", error)  # noqa: TRY400 - what was sent is at fault
            taken = Taken(is_incomplete=is_pushed, is_refused=True)
        else:
            self.problems.pop(UNREADABLE, None)
            taken = self._keep(update, is_pushed=is_pushed)
        self._spread(taken)
        return taken

    def _keep(self, update: Update, *, is_pushed: bool) -> Taken:
        """Have it kept. Errors: OSError; what the disk does not take is no state of this gateway."""
        try:
            taken = self._keeper.take(update, is_pushed=is_pushed)
        except OSError as error:
            self.problems[UNWRITTEN] = f"A new state cannot be written to disk; the one before serves: {error}."
            raise
        self.problems.pop(UNWRITTEN, None)
        return taken

    async def pull(self) -> None:
        """Ask the control plane for what is new, for ever; a push that showed a gap makes it ask at once."""
        pacing = Pacing(FIRST_RETRY_S, LONGEST_RETRY_S)
        is_complete = True
        while True:
            pause_s, failure = 0.0, None
            began = time.monotonic()
            try:
                is_waiting = is_complete and self._keeper.generation is not None
                content = await self._ask(self._keeper.vouching.wait_s(WAIT_S) if is_waiting else 0.0)
                self._seen_at = time.monotonic()
                taken = self._take(content, is_pushed=False)
                is_complete = not taken.is_incomplete
                if self._keeper.generation is None:
                    pause_s = FIRST_RETRY_S
                elif taken.is_nothing and time.monotonic() - began < HURRIED_S:
                    taken = Taken(is_refused=True)  # who has nothing new is to wait before saying so
            except (ControlPlaneDown, OSError) as error:
                logger.warning("pulling from the control plane failed: %s", error)
                taken, failure = Taken(is_refused=True), error
            if taken.is_refused:
                pause_s = pacing.pause_s(failure)
            else:
                pacing.taken()
            await asyncio.sleep(pause_s)

    async def _ask(self, wait_s: float) -> bytes:
        """A sync answer; when a gap shows meanwhile, the question is put anew."""
        self._wake.clear()
        asking = asyncio.ensure_future(asyncio.to_thread(self._control.post, "sync", self._keeper.ask(wait_s), wait_s))
        waking = asyncio.ensure_future(self._wake.wait())
        await asyncio.wait([asking, waking], return_when=asyncio.FIRST_COMPLETED)
        waking.cancel()
        if asking.done():
            return asking.result()
        asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.to_thread(self._control.post, "sync", self._keeper.ask(0.0))

    async def listen(self, redis_url: str) -> None:
        """Follow the push channel; without it, pulling alone keeps the gateway up to date."""
        pacing = Pacing(FIRST_RETRY_S, LONGEST_RETRY_S)
        channel = f"apim:{self._environment}:push"
        while True:
            try:
                async for message in push.listen(redis_url, channel):
                    self.is_push_connected = True
                    pacing.taken()
                    # What was pushed before we listened is known only to the control plane: ask, once subscribed.
                    if not message or self._take(message, is_pushed=True).is_incomplete:
                        self._wake.set()
            except (push.PushLost, OSError) as error:
                logger.info("no push: %s", error)
            self.is_push_connected = False
            await asyncio.sleep(pacing.pause_s())
