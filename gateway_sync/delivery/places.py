"""Places: how many may do a thing at one time in this process."""

from __future__ import annotations

import threading


class Places:
    """A number of places, taken and given back by any thread."""

    def __init__(self, limit: int) -> None:
        """All of them are free."""
        self._limit = limit
        self._lock = threading.Lock()
        self.taken = 0

    def take(self) -> bool:
        """True when there was one."""
        with self._lock:
            is_free = self.taken < self._limit
            self.taken += is_free
            return is_free

    def give_back(self) -> None:
        """What take took."""
        with self._lock:
            self.taken -= 1
