"""Confirming: has a worker's gate refuse credentials while nobody vouches for its access records.

Workers look by themselves: a supervisor that hangs must not keep them open.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from gateway_sync.runtime.core.admission import Gate
from gateway_sync.runtime.vouching import is_too_old, running_s

logger = logging.getLogger(__name__)


class Confirming:
    """What one worker was told of its access records."""

    def __init__(self, gate: Gate, vouched_at: float | None, clock: Callable[[], float] = running_s) -> None:
        """The gate is as it should be from the first call on. Shapes: vouched_at is of this clock; None = not known."""
        self._gate = gate
        self._at = vouched_at
        self._clock = clock
        self.look()

    def note(self, vouched_at: float | None) -> bool:
        """The control plane vouched then. True when the gate turned."""
        self._at = vouched_at
        return self.look()

    def look(self) -> bool:
        """Open or close the gate by the age of now. True when it turned."""
        age_s = None if self._at is None else self._clock() - self._at
        is_confirmed = not is_too_old(age_s, self._gate.index.environment.max_revocation_age_s)
        if is_confirmed == self._gate.is_confirmed:
            return False
        self._gate.confirm(is_confirmed=is_confirmed)
        logger.warning("credentials are %s", "taken again" if is_confirmed else "refused: nobody vouches for them")
        return True
