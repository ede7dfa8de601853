"""Places: how many may do a thing at one time in this process."""

from __future__ import annotations

import threading
from collections import Counter


class Places:
    """A number of places, taken and given back by any thread; of them, so many for each who takes."""

    def __init__(self, limit: int, each: int) -> None:
        """All of them are free. Shapes: who reads slowly, or stole one credential, has at most each of them."""
        self._limit = limit
        self._each = each
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self.taken = 0

    def take(self, who: str) -> bool:
        """True when there was one for them."""
        with self._lock:
            is_free = self.taken < self._limit and self._held[who] < self._each
            self.taken += is_free
            self._held[who] += is_free
            return is_free

    def give_back(self, who: str) -> None:
        """What take took."""
        with self._lock:
            self.taken -= 1
            self._held[who] -= 1
            if self._held[who] <= 0:
                del self._held[who]
