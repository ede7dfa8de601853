"""Turns: of each person one text is read at a time, so that slow ones of one keep no reader from the others."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

WAIT_AT_MOST: Final = 3  # of one person: who waits holds a thread of web

asker: ContextVar[Callable[[], str]] = ContextVar("asker", default=lambda: "")
"""Whose text it is that is about to be read; "" = nobody's in particular, such as a task's."""


class OneEach:
    """One turn for each person, and a few who wait for theirs."""

    def __init__(self) -> None:
        """Nobody has a turn."""
        self._changed = threading.Condition()
        self._reading: set[str] = set()
        self._waiting: Counter[str] = Counter()

    @contextmanager
    def of(self, whose: str, patience_s: float) -> Iterator[bool]:
        """True when the turn is theirs for as long as the block lasts. Shapes: "" always has one."""
        is_theirs = not whose or self._take(whose, patience_s)
        try:
            yield is_theirs
        finally:
            if whose and is_theirs:
                with self._changed:
                    self._reading.discard(whose)
                    self._changed.notify_all()

    def _take(self, whose: str, patience_s: float) -> bool:
        with self._changed:
            if self._waiting[whose] >= WAIT_AT_MOST:
                return False
            self._waiting[whose] += 1
            try:
                is_free = self._changed.wait_for(lambda: whose not in self._reading, patience_s)
            finally:
                self._waiting[whose] -= 1
                if not self._waiting[whose]:
                    del self._waiting[whose]
            if is_free:
                self._reading.add(whose)
            return is_free
