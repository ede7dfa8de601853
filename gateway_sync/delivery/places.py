"""Places: how many may do a thing at one time in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf


class Places:
    """A number of places, taken and given back by any thread; of them, so many for each who takes.

    Who has one for too long keeps it from nobody else any more, but has it all the same: a reader that is slow on
    purpose holds what each may have, and no more.
    """

    def __init__(self, limit: int, each: int, ever: float = inf, clock: Callable[[], float] = time.monotonic) -> None:
        """All of them are free.

        Shapes: who reads slowly, or stole one credential, has at most each of them; all who do have at most ever.
        """
        self._limit = limit
        self._ever = ever
        self._each = each
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, list[float]] = {}  # until when each place counts

    @property
    def taken(self) -> int:
        """How many are not free."""
        now = self._clock()
        return sum(until > now for held in self._held.copy().values() for until in held)

    def take(self, who: str) -> bool:
        """True when there was one for them."""
        with self._lock:
            is_free = self.taken < self._limit and len(self._held.get(who, ())) < self._each
            is_free = is_free and sum(map(len, self._held.values())) < self._ever
            if is_free:
                self._held.setdefault(who, []).append(inf)
            return is_free

    def expect_back(self, who: str, within_s: float) -> None:
        """Count the place that was taken last for so long only."""
        with self._lock:
            held = self._held.get(who, [])
            if held:
                held.remove(max(held))
                held.append(self._clock() + within_s)

    def give_back(self, who: str) -> None:
        """What take took; of several, the one that was to come back first."""
        with self._lock:
            held = self._held[who]
            held.remove(min(held))
            if not held:
                del self._held[who]
