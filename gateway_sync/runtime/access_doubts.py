"""Doubts: whether the access records of a gateway are still those of its control plane, by digests of both.

Owns: when a difference is one. A digest is of one number of the log, and a gateway may have been past it, or a record
between two pages just then; so two in a row must differ. What is asked for anew because of it is asked for ever more
seldom when it does not help.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway_sync.snapshot import AccessCheck

PAUSE_S: Final = 60.0
LONGEST_PAUSE_S: Final = 3600.0
_REMEMBERED: Final = 256


class Doubts:
    """What was found of the digests so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """There are none."""
        self._clock = clock
        self._past: deque[tuple[int, str]] = deque(maxlen=_REMEMBERED)
        self._judged: AccessCheck | None = None
        self._has_differed = False
        self._pause_s = PAUSE_S
        self._not_before = 0.0
        self.are_serious = False

    def note(self, seq: int, text: str) -> None:
        """Here the records were so at seq. Shapes: text "" = not known."""
        if text:
            self._past.append((seq, text))

    def compare(self, check: AccessCheck, seq: int, text: str) -> bool | None:
        """As AccessState.compare. Shapes: text is the digest here at seq, "" = not known yet."""
        self.note(seq, text)
        known = next((each for number, each in reversed(self._past) if number == check.seq), None)
        if known is None or check == self._judged:
            return None
        self._judged = check
        if known == check.digest:
            self._has_differed = False
            self._pause_s = PAUSE_S
            return True
        if not self._has_differed or self._clock() < self._not_before:
            self._has_differed = True
            return None
        self.are_serious = True
        self._not_before = self._clock() + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        return False

    def end(self) -> None:
        """All records came anew."""
        self.are_serious = False
        self._has_differed = False
        self._past.clear()
