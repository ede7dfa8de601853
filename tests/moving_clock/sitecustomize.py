"""On the PYTHONPATH of a product: all its Python processes live as many seconds later as a file says.

Python imports a module of this name at its start. The file is named by TESTS_CLOCK; see tests/clocks.py.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import time_machine

_PAUSE_S = 0.1
_clock = time_machine.travel(datetime.now(UTC), tick=True).start()


class _Follower:
    """Reads the file from time to time and moves the clock of this process by what is new."""

    def __init__(self, path: Path) -> None:
        self._path, self._seconds = path, 0
        self.look()

    def start(self) -> None:
        """Follow the file; in a forked child again, for threads stay behind."""
        threading.Thread(target=self._run, daemon=True).start()

    def look(self) -> None:
        """Move by what the file says more than before."""
        try:
            wanted = int(self._path.read_text() or 0)
        except (OSError, ValueError):  # not there yet, or just being written
            return
        if wanted != self._seconds:
            _clock.shift(timedelta(seconds=wanted - self._seconds))
            self._seconds = wanted

    def _run(self) -> None:
        while True:
            time.sleep(_PAUSE_S)
            self.look()


_follower = _Follower(Path(os.environ["TESTS_CLOCK"]))
_follower.start()
os.register_at_fork(after_in_child=_follower.start)
