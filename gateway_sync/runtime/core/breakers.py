"""Circuit: lets calls to a service through, or none while it fails as a whole. Units: times in milliseconds."""

from __future__ import annotations

from gateway_sync.runtime.core.health import Window
from gateway_sync.upstreams.breaker import Breaker

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"
STATES = (CLOSED, OPEN, HALF_OPEN)


class Circuit:
    """One breaker's state: closed, open until a time, or half open with so many trials under way."""

    __slots__ = ("_open_until_ms", "_settings", "_successes", "_trials", "_window", "state")

    def __init__(self, settings: Breaker) -> None:
        """Closed."""
        self._settings = settings
        self._window = Window(settings.window_ms)
        self._open_until_ms = self._trials = self._successes = 0
        self.state = CLOSED

    def admit(self, now_ms: int) -> tuple[bool, str]:
        """Whether a call may go through, and the state that the breaker turned to, "" = none."""
        if self.state == CLOSED:
            return True, ""
        event = ""
        if self.state == OPEN:
            if now_ms < self._open_until_ms:
                return False, ""
            self.state = event = HALF_OPEN
            self._trials = self._successes = 0
        if self._trials >= self._settings.trials:
            return False, event
        self._trials += 1
        return True, event

    def note(self, now_ms: int, *, is_failure: bool) -> str:
        """Count the outcome of a call; the state that the breaker turned to, "" = none."""
        if self.state == CLOSED:
            self._window.note(now_ms, is_failure=is_failure)
            if is_failure and self._window.is_over(self._settings.error_share, self._settings.minimum_calls):
                return self._open(now_ms)
            return ""
        if self.state == OPEN:
            return ""  # of a call that began before
        if is_failure:
            return self._open(now_ms)
        self._successes += 1
        if self._successes < self._settings.trials:
            return ""
        self.state = CLOSED
        self._window.forget()
        return CLOSED

    def give_back(self) -> None:
        """A call that was let through ended without saying anything about the service."""
        if self.state == HALF_OPEN and self._trials:
            self._trials -= 1

    def retry_after_s(self, now_ms: int) -> int:
        """Whole seconds until a trial may go through; at least 1."""
        return max(1, -(-(self._open_until_ms - now_ms) // 1000))

    def _open(self, now_ms: int) -> str:
        self.state = OPEN
        self._open_until_ms = now_ms + self._settings.open_ms
        self._window.forget()
        return OPEN
