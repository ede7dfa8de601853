"""Which states end workers: two that die of one state within a minute are enough."""

from __future__ import annotations

import signal
from typing import Final

from gateway_sync.runtime.slots import SUSPICIOUS_S, Death
from gateway_sync.runtime.steady import Steady

AT_MOST: Final = 2  # of workers, by one state within SUSPICIOUS_S, and as long as a silence lasted
_KNOWN_S: Final = 3600.0
REASON: Final = f"it ended {AT_MOST} workers within {SUSPICIOUS_S:.0f} s"
HUNG: Final = f"{AT_MOST} workers hung with it"
GREW: Final = f"{AT_MOST} workers were killed with it that had taken far more memory than before"


class Deaths:
    """When workers died of a state, by its digest, as long as it matters."""

    def __init__(self, steady: Steady) -> None:
        """Nobody died."""
        self._steady = steady
        self._times: dict[str, list[float]] = {}

    def reason_against(self, death: Death, now: float) -> str:
        """Why the state may not be used again, if this death is one too many of it; else "".

        Units: now in seconds of the monotonic clock.
        """
        reason = self._reason_of(death) if death.digest else ""
        if not reason:
            return ""
        known = {digest: times for digest, times in self._times.items() if now - times[-1] < _KNOWN_S}
        recent = [at for at in known.get(death.digest, ()) if now - at < SUSPICIOUS_S + death.silent_s]
        self._times = known | {death.digest: [*recent, now]}
        return reason if len(recent) + 1 >= AT_MOST else ""

    def _reason_of(self, death: Death) -> str:
        """What the state is suspected of by this death; "" where the reason may as well be outside."""
        if not death.is_early:
            return ""
        if death.is_crash:
            return REASON
        if death.code != -signal.SIGKILL or not self._steady.may_accuse(death.digest):
            return ""
        if death.silent_s:
            return HUNG if death.is_stuck else ""
        return GREW if self._steady.is_much(death.memory_bytes) else ""
