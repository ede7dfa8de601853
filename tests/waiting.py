"""Waiting with patience: what must come is waited for far beyond its promise, and how long it took is only noted."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0  # only what never happens uses it up; a machine that stalls for seconds does not


def wait_until(condition: Callable[[], bool], what: str = "it", *, pause_s: float = 0.02) -> float:
    """The seconds until the condition held, to be noted and never to be asserted."""
    started_at = time.monotonic()
    while not condition():
        assert time.monotonic() - started_at < PATIENCE_S, f"after {PATIENCE_S:.0f} s still not: {what}"
        time.sleep(pause_s)
    return time.monotonic() - started_at
