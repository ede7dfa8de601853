"""Who listens, how many may, and how they learn that something is new.

Owns: one thread a process that reads the marks of what is watched while somebody listens, so that a second listener
costs no query more. It reads the database: that works without Redis, on SQLite, and across web processes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping

from django.db import Error, connection

from apim.live.subjects import Subject, read_marks

logger = logging.getLogger(__name__)

_TICK_S = 0.5
_PAUSE_AFTER_ERROR_S = 2.0
_IDLE_S = 2.0  # the thread and its database connection end when nobody has listened for so long

Marks = Mapping[Subject, str]


class Watch:
    """Places for listeners, and what they wait for.

    Shapes: limit places in all, of which those who only wait for the bell get half; each = places a person has at most.
    """

    def __init__(self, limit: int, each: int) -> None:
        self._limit = limit
        self._each = each
        self._changed = threading.Condition()
        self._listeners: Counter[str] = Counter()
        self._watched: Counter[Subject] = Counter()
        self._marks: dict[Subject, str] = {}
        self._thread: threading.Thread | None = None
        self._last_used = 0.0

    def enter(self, person: str, subjects: frozenset[Subject]) -> bool:
        """Take a place; False when there is none left for such a listener."""
        is_only_bell = all(subject.kind == "bell" for subject in subjects)
        with self._changed:
            limit = self._limit // 2 if is_only_bell else self._limit
            if self._listeners.total() >= limit or self._listeners[person] >= self._each:
                return False
            self._listeners[person] += 1
            self._watched.update(subjects)
            return True

    def leave(self, person: str, subjects: frozenset[Subject]) -> None:
        """Give the place back."""
        with self._changed:
            self._listeners[person] -= 1
            self._listeners += Counter()  # without those who have none left
            self._watched.subtract(subjects)
            self._watched += Counter()

    def wait(self, seen: Marks, deadline: float) -> dict[Subject, str]:
        """The new marks of what has changed since it was seen; nothing at the deadline, in monotonic seconds."""
        with self._changed:
            self._last_used = time.monotonic()
            if self._thread is None:
                self._marks.clear()  # an earlier thread's may be older than what the listener saw
                self._thread = threading.Thread(target=self._run, name="live-watch", daemon=True)
                self._thread.start()
            self._changed.wait_for(lambda: bool(self._news(seen)), max(0.0, deadline - time.monotonic()))
            return self._news(seen)

    def _news(self, seen: Marks) -> dict[Subject, str]:
        return {each: mark for each, was in seen.items() if (mark := self._marks.get(each, was)) != was}

    def _run(self) -> None:
        while True:
            with self._changed:
                watched = tuple(self._watched)
            try:
                marks, pause_s = read_marks(watched), _TICK_S
            except Error as error:
                logger.warning("what pages show cannot be watched: %s", error)
                connection.close()
                marks, pause_s = self._marks, _PAUSE_AFTER_ERROR_S
            with self._changed:
                if marks != self._marks:
                    self._marks = marks
                    self._changed.notify_all()
                if self._watched:
                    self._last_used = time.monotonic()
                elif time.monotonic() - self._last_used > _IDLE_S:
                    self._thread = None
                    break
            time.sleep(pause_s)
        connection.close()
