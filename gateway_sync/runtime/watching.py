"""Watching: ends a worker that hangs, which a process that lives but serves nothing does not show by itself.

Workers say each second that their event loop turns. Owns: how long silence may last, and what is told of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Final

from gateway_sync.runtime.processes import Doing, doing
from gateway_sync.runtime.slots import Slot
from gateway_sync.runtime.steady import Steady

logger = logging.getLogger(__name__)

# On a busy machine a loop may be late by seconds, and a worker that is ended costs what it had under way; a call waits
# for its answer about as long as this, so that whoever waits for a worker that hangs has given up by then.
HANG_S: Final = 30.0
LEAST_S: Final = 3.0  # below it a word that is late could be taken for silence
TICK_S: Final = 0.5
_MOST_A_TICK_S: Final = 1.0  # if the supervisor itself was stopped, its workers may have spoken without being heard
_SILENT_PART: Final = 3  # after a third of the time it is told, and the worker is not ready
_STARTING_TIMES: Final = 10  # as long may a worker take until it serves: it reads the whole state first
_TOLD_S: Final = 600.0  # so long it is told that one was ended
_STEADY_TIMES: Final = 2  # as long as a worker may hang it must have served a state well
# Of the silence: with so much processor time a loop turns many times; who had less was kept from running by others.
_SPUN_PART: Final = 1 / 30
_WAITS: Final = "S"  # for something that is not the disk: proc(5)

HANGING: Final = "worker.E001"


class Watching:
    """How long each worker has said nothing, and what is done about it."""

    def __init__(self, slots: Sequence[Slot], steady: Steady, hang_s: float = HANG_S) -> None:
        """Shapes: slots is the supervisor's own list; steady is told of states that workers serve well."""
        self._slots = slots
        self._steady = steady
        self._spoke: dict[int, tuple[str, float]] = {}  # slot -> (life, its processor time when it last said something)
        self.hang_s = max(LEAST_S, hang_s)
        self._ended: dict[int, tuple[float, int]] = {}  # slot -> (until when it is told, the process that was ended)
        self._killed: dict[int, str] = {}  # slot -> the life that was ended
        self.counts: dict[int, int] = {}  # slot -> workers that were ended

    async def run(self) -> None:
        """For ever."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            self.tick(now, now - before)
            before = now

    def tick(self, now: float, passed_s: float) -> None:
        """Add the time that passed to the silence of each worker, and end those that hang."""
        for number in [number for number, (until, _) in self._ended.items() if until < now]:
            del self._ended[number]
        for slot in self._slots:
            if not slot.is_running or self._killed.get(slot.number) == slot.boot:
                continue
            is_speaking = not slot.silent_s
            slot.silent_s += min(passed_s, _MOST_A_TICK_S)
            done = doing(slot.pid)
            if slot.silent_s >= self.hang_s * (1 if slot.applied is not None else _STARTING_TIMES):
                self._end(slot, now, is_stuck=self._is_stuck(slot, done))
            elif done is not None and (is_speaking or self._spoke.get(slot.number, ("",))[0] != slot.boot):
                self._note(slot, done, now)

    def _note(self, slot: Slot, done: Doing, now: float) -> None:
        """It said something since the last look, or has just begun."""
        self._spoke[slot.number] = slot.boot, done.cpu_s
        if slot.served_s(now) >= _STEADY_TIMES * self.hang_s:
            self._steady.note(slot.given, done.memory_bytes)

    def _is_stuck(self, slot: Slot, done: Doing | None) -> bool:
        """True when the worker hangs by what it does itself: not stopped, nor waiting for a disk or its turn."""
        if done is None:
            return False
        boot, spoke_at_s = self._spoke.get(slot.number, ("", 0.0))
        is_spinning = boot == slot.boot and done.cpu_s - spoke_at_s >= slot.silent_s * _SPUN_PART
        return done.letter == _WAITS or (done.letter == "R" and is_spinning)

    def is_silent(self, slot: Slot) -> bool:
        """True when its worker should have said something by now."""
        return slot.silent_s >= max(LEAST_S, self.hang_s / _SILENT_PART) and slot.applied is not None

    def problem_of(self, slot: Slot) -> dict[str, str]:
        """What is wrong with the worker in a slot, or was lately, by code."""
        if self.is_silent(slot):
            text = f"Worker {slot.number} (process {slot.pid}) has given no sign of life for {int(slot.silent_s)} s."
            return {HANGING: f"{text} After {self.hang_s:g} s it is replaced."}
        if slot.number in self._ended:
            _, pid = self._ended[slot.number]
            text = f"Worker {slot.number} (process {pid}) gave no sign of life for {self.hang_s:g} s and was replaced."
            return {HANGING: f"{text} What it had under way is counted as of unknown end."}
        return {}

    def problems(self) -> dict[str, str]:
        """The same of all workers together."""
        texts = [text for slot in self._slots for text in self.problem_of(slot).values()]
        return {HANGING: " ".join(texts)} if texts else {}

    def _end(self, slot: Slot, now: float, *, is_stuck: bool) -> None:
        self._killed[slot.number] = slot.boot  # it stays silent until the next one begins
        self._ended[slot.number] = now + _TOLD_S, slot.pid
        self.counts[slot.number] = self.counts.get(slot.number, 0) + 1
        logger.error(
            "%s: worker %d (pid %d) gave no sign of life for %.0f s and is killed",
            HANGING, slot.number, slot.pid, slot.silent_s,
        )  # fmt: skip
        slot.kill_silent(is_stuck=is_stuck)
