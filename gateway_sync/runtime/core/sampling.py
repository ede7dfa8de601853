"""Sampling: which exchanges are recorded, decided before anything is noted of them.

Owns: the shares and budgets. Must not know: the clock, chance; both are given.
"""

from __future__ import annotations

import math
from typing import Final

NEVER: Final = 2**62


def gap(share: float, draw: float) -> int:
    """How many exchanges until the next one that is sampled, itself included; draw is even in [0, 1).

    Geometric, so that each exchange has the same chance and those between cost one comparison.
    """
    if share <= 0:
        return NEVER
    if share >= 1:
        return 1
    exchanges = math.log1p(-draw) / math.log1p(-share)
    return NEVER if exchanges >= NEVER else int(exchanges) + 1  # no min: compiled, it would give a float


class Budget:
    """So many a second, and a burst; filled by `fill`, never by looking at a clock."""

    __slots__ = ("_burst", "_left", "_rate_s")

    def __init__(self, rate_s: float, burst: float) -> None:
        """Full."""
        self._rate_s = rate_s
        self._burst = burst
        self._left = burst

    @property
    def is_empty(self) -> bool:
        """True when `take` would say no."""
        return self._left < 1

    def take(self) -> bool:
        """One, if there is one."""
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def fill(self, seconds: float) -> None:
        """So much time went by."""
        self._left = min(self._burst, self._left + self._rate_s * seconds)
