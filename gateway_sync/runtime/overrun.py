"""Overrun: ends what a thread is at, by an exception, once it has had more of the processor than it may.

For code of others that is asked something in a process of ours. It ends what runs as Python, not a single call into C.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOOK_S: Final = 0.1

_set_pending = ctypes.pythonapi.PyThreadState_SetAsyncExc


class Overrun(BaseException):
    """It took too long. No Exception, so that what it ends does not go on for catching any."""


@contextmanager
def ended_after(budget_s: float) -> Iterator[None]:
    """Raise Overrun in the block once this thread has had so many seconds of the processor in it.

    Errors: Overrun.
    """
    watch = _Watch(budget_s)
    thread = threading.Thread(target=watch.run, name="overrun", daemon=True)
    thread.start()
    try:
        yield
    finally:
        watch.end()


class _Watch:
    """Looks at the thread that made it."""

    def __init__(self, budget_s: float) -> None:
        self._thread = threading.get_ident()
        self._clock = time.pthread_getcpuclockid(self._thread)
        self._ends_at = time.clock_gettime(self._clock) + budget_s
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._is_raised = False

    def run(self) -> None:
        """Until the block has ended; again and again, for who caught it once may go on."""
        while not self._over.wait(_LOOK_S):
            with self._lock:
                if not self._over.is_set() and time.clock_gettime(self._clock) >= self._ends_at:
                    self._is_raised = True
                    _set_pending(ctypes.c_ulong(self._thread), ctypes.py_object(Overrun))

    def end(self) -> None:
        """The block has ended: what was not raised in it by now is not raised any more."""
        with self._lock:
            self._over.set()
        if self._is_raised:
            _set_pending(ctypes.c_ulong(self._thread), None)
