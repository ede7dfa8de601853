"""Pacing: how long to wait after what the control plane did not take, so that gateways do not come back in step.

Full jitter below a bound that doubles, and never sooner than it asked for, as far as that may be waited for at all.
"""

from __future__ import annotations

import random
from typing import Final

from gateway_sync.runtime.control_plane import ControlPlaneRefused

LEAST_S: Final = 0.05
SPREAD_S: Final = 1.0  # it tells whole seconds: those that were refused together must not come back together


class Pacing:
    """The pauses of one who asks again and again."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        """Nothing failed yet. Units: first_s bounds the pause after the first failure."""
        self._first_s, self._longest_s = first_s, longest_s
        self._bound_s = first_s

    def taken(self) -> None:
        """All is well: the next failure is a first one."""
        self._bound_s = self._first_s

    def pause_s(self, error: Exception | None = None) -> float:
        """Seconds until the next try, after one that failed."""
        bound_s, self._bound_s = self._bound_s, min(self._bound_s * 2, self._longest_s)
        if isinstance(error, ControlPlaneRefused) and error.retry_after_s:
            return min(float(error.retry_after_s), self._longest_s) + jitter(SPREAD_S)
        return jitter(bound_s)


def jitter(longest_s: float) -> float:
    """A full-jitter pause, so that gateways do not come in step."""
    return max(random.uniform(0, longest_s), LEAST_S)  # noqa: S311 - no secret
