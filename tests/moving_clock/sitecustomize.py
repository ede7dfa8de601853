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
_EXACT_S = 0.02  # a process that waits for the processor while its clock is set would stay behind the others
_clock = time_machine.travel(datetime.now(UTC), tick=True).start()


class _Follower:
    """Looks into the file from time to time and keeps the clock of this process that much ahead."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.look()

    def start(self) -> None:
        """Follow the file; in a forked child again, for threads stay behind."""
        threading.Thread(target=self._run, daemon=True).start()

    def look(self) -> None:
        """Be as far ahead as the file says; without it not at all."""
        wanted = int(self._path.read_text()) if self._path.exists() else 0
        behind = time_machine.escape_hatch.time.time() + wanted - time.time()
        if abs(behind) > _EXACT_S:
            _clock.shift(timedelta(seconds=behind))

    def _run(self) -> None:
        while True:
            time.sleep(_PAUSE_S)
            self.look()


_follower = _Follower(Path(os.environ["TESTS_CLOCK"]))
_follower.start()
os.register_at_fork(after_in_child=_follower.start)
