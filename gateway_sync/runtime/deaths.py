"""Which states end workers: two that die of one state within a minute are enough."""

from __future__ import annotations

from gateway_sync.runtime.slots import SUSPICIOUS_S, Death

AT_MOST = 2  # of workers, by one state within SUSPICIOUS_S
REASON = f"it ended {AT_MOST} workers within {SUSPICIOUS_S:.0f} s"


class Deaths:
    """When workers died of a state, by its digest, as long as it matters."""

    def __init__(self) -> None:
        """Nobody died."""
        self._times: dict[str, list[float]] = {}

    def is_too_many(self, death: Death, now: float) -> bool:
        """True when this death is one too many of its state. Units: now in seconds of the monotonic clock."""
        if not death.digest or not death.is_by_state:
            return False
        self._times = {digest: times for digest, times in self._times.items() if now - times[-1] < SUSPICIOUS_S}
        recent = [at for at in self._times.get(death.digest, ()) if now - at < SUSPICIOUS_S]
        self._times[death.digest] = [*recent, now]
        return len(recent) + 1 >= AT_MOST
