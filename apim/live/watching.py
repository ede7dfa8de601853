"""Who listens, how many may, and how they learn that something is new.

Owns: one thread a process that reads the marks of what is watched while somebody listens, so that a second listener
costs no query more. It reads the database: that works without Redis, on SQLite, and across web processes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

from django.db import Error, connection

from apim.live.subjects import Subject, pace_s, read_marks

logger = logging.getLogger(__name__)

_TICK_S = 0.5
_PAUSE_AFTER_ERROR_S = 2.0
_IDLE_S = 2.0  # the thread and its database connection end when nobody has listened for so long

Marks = Mapping[Subject, str]


class Listener:
    """One stream: who listens to what. Shapes: is_over = a newer one of the same person has its place."""

    __slots__ = ("is_over", "person", "subjects")

    def __init__(self, person: str, subjects: frozenset[Subject]) -> None:
        """Just come."""
        self.person = person
        self.subjects = subjects
        self.is_over = False


class Watch:
    """Places for listeners, and what they wait for.

    Shapes: limit places in all, of which those who only wait for the bell get half. A person has `each` at most: the
    newest, since the oldest are mostly those of pages that were left.
    """

    def __init__(self, limit: int, each: int) -> None:
        self._limit = limit
        self._each = each
        self._changed = threading.Condition()
        self._listeners: list[Listener] = []  # oldest first
        self._marks: dict[Subject, str] = {}
        self._thread: threading.Thread | None = None
        self._last_used = 0.0

    def enter(self, person: str, subjects: frozenset[Subject]) -> Listener | None:
        """A place; None when there is none left for such a listener."""
        is_only_bell = all(subject.kind == "bell" for subject in subjects)
        with self._changed:
            own = [each for each in self._listeners if each.person == person and not each.is_over]
            if len(own) >= self._each:
                own[0].is_over = True
                self._changed.notify_all()
            elif len(self._listeners) >= (self._limit // 2 if is_only_bell else self._limit):
                return None
            listener = Listener(person, subjects)
            self._listeners.append(listener)
            return listener

    def leave(self, listener: Listener) -> None:
        """Give the place back."""
        with self._changed:
            self._listeners.remove(listener)

    def wait(self, listener: Listener, seen: Marks, deadline: float) -> dict[Subject, str]:
        """The new marks of what has changed since it was seen; nothing at the deadline, in monotonic seconds."""
        with self._changed:
            self._last_used = time.monotonic()
            if self._thread is None:
                self._marks.clear()  # an earlier thread's may be older than what the listener saw
                self._thread = threading.Thread(target=self._run, name="live-watch", daemon=True)
                self._thread.start()
            left_s = max(0.0, deadline - time.monotonic())
            self._changed.wait_for(lambda: listener.is_over or bool(self._news(seen)), left_s)
            return self._news(seen)

    def _news(self, seen: Marks) -> dict[Subject, str]:
        return {each: mark for each, was in seen.items() if (mark := self._marks.get(each, was)) != was}

    def _run(self) -> None:
        try:
            self._read_on()
        finally:  # whatever ends it, the next who waits starts another
            with self._changed:
                if self._thread is threading.current_thread():
                    self._thread = None
            connection.close()

    def _read_on(self) -> None:
        read_at: dict[Subject, float] = {}
        while True:
            with self._changed:
                watched = {subject for each in self._listeners for subject in each.subjects}
                known = {each: mark for each, mark in self._marks.items() if each in watched}
            now = time.monotonic()
            due = {each for each in watched if each not in known or now - read_at.get(each, 0.0) >= pace_s(each)}
            try:
                marks, pause_s = known | read_marks(due), _TICK_S
                read_at |= dict.fromkeys(due, now)
            except Error as error:
                logger.warning("what pages show cannot be watched: %s", error)
                connection.close()
                marks, pause_s = self._marks, _PAUSE_AFTER_ERROR_S
            with self._changed:
                if marks != self._marks:
                    self._marks = marks
                    self._changed.notify_all()
                if self._listeners:
                    self._last_used = time.monotonic()
                elif time.monotonic() - self._last_used > _IDLE_S:
                    self._thread = None  # under the same lock: nobody takes it for one that reads still
                    return
            time.sleep(pause_s)
