"""Health: what one worker knows about one target, from the calls it made and from the checks of its host.

State machines on integers; the time is an argument. Units: all times in milliseconds of one monotonic clock.
"""

from __future__ import annotations

from gateway_sync.upstreams.ejection import Ejection

LONGEST = 10  # times the first ejection
FIRST_SHARE = 10  # percent of its weight with which a target comes back


class Window:
    """Calls and failures of about the last `length_ms`: the half before this one counts in full until this one ends."""

    __slots__ = ("_began_ms", "_calls", "_failures", "_half_ms", "_last_calls", "_last_failures")

    def __init__(self, length_ms: int) -> None:
        """Nothing was seen yet."""
        self._half_ms = max(1, length_ms // 2)
        self._began_ms = self._calls = self._failures = self._last_calls = self._last_failures = 0

    def note(self, now_ms: int, *, is_failure: bool) -> None:
        """Count one call."""
        elapsed_ms = now_ms - self._began_ms
        if elapsed_ms >= self._half_ms:
            is_next = elapsed_ms < 2 * self._half_ms
            self._last_calls, self._last_failures = (self._calls, self._failures) if is_next else (0, 0)
            self._calls = self._failures = 0
            self._began_ms = now_ms
        self._calls += 1
        self._failures += is_failure

    def is_over(self, share: int, minimum_calls: int) -> bool:
        """True when at least so many percent of at least so many calls failed."""
        calls = self._calls + self._last_calls
        failures = self._failures + self._last_failures
        return calls >= minimum_calls and failures * 100 >= share * calls

    def forget(self) -> None:
        """Begin anew."""
        self._calls = self._failures = self._last_calls = self._last_failures = 0


class Health:
    """Whether a target may get calls, and how large a share of its weight.

    Shapes: is_down is the verdict of the health check; ejected_until_ms 0 = not ejected.
    """

    __slots__ = (
        "_ejection",
        "_row",
        "_slow_start_ms",
        "_streak",
        "_window",
        "back_at_ms",
        "ejected_until_ms",
        "is_down",
    )

    def __init__(self, ejection: Ejection | None, slow_start_ms: int) -> None:
        """Healthy as far as known; slow_start_ms 0 = its whole share at once."""
        self._ejection = ejection
        self._slow_start_ms = slow_start_ms
        self._window = Window(ejection.window_ms) if ejection is not None and ejection.error_share else None
        self._row = 0
        self._streak = 0
        self.is_down = False
        self.ejected_until_ms = 0
        self.back_at_ms = 0

    def is_usable(self, now_ms: int) -> bool:
        """True when calls may go there; an ejection that is over ends here."""
        if self.ejected_until_ms:
            if now_ms < self.ejected_until_ms:
                return False
            self.ejected_until_ms = 0
            self.back_at_ms = now_ms
        return not self.is_down

    def note(self, now_ms: int, *, is_failure: bool) -> bool:
        """Count the outcome of a call; True when the target should be ejected for it."""
        ejection = self._ejection
        if ejection is None:
            return False
        if self._window is not None:
            self._window.note(now_ms, is_failure=is_failure)
        if not is_failure:
            self._row = self._streak = 0
            return False
        self._row += 1
        return not self.ejected_until_ms and (
            self._row >= ejection.failures
            or (self._window is not None and self._window.is_over(ejection.error_share, ejection.minimum_calls))
        )

    def eject(self, now_ms: int) -> int:
        """Take the target out; for how long."""
        if self._ejection is None:
            return 0
        self._streak = min(self._streak + 1, LONGEST)
        self._row = 0
        if self._window is not None:
            self._window.forget()
        length_ms = self._ejection.for_ms * self._streak
        self.ejected_until_ms = now_ms + length_ms
        return length_ms

    def judge(self, now_ms: int, *, is_down: bool) -> bool:
        """Take the verdict of the health check; True when it is another than before."""
        if is_down == self.is_down:
            return False
        self.is_down = is_down
        if not is_down:
            self.back_at_ms = now_ms
        return True

    def weight(self, whole: int, now_ms: int) -> int:
        """The part of a weight that holds now: the whole, or less for a while after the target came back."""
        if not self._slow_start_ms or not self.back_at_ms:
            return whole
        elapsed_ms = now_ms - self.back_at_ms
        if elapsed_ms >= self._slow_start_ms:
            self.back_at_ms = 0
            return whole
        percent = max(FIRST_SHARE, elapsed_ms * 100 // self._slow_start_ms)
        return max(1, whole * percent // 100) if whole else 0

    def take_over(self, other: Health) -> None:
        """Go on with what was known before a new snapshot."""
        self.is_down, self.back_at_ms = other.is_down, other.back_at_ms
        if self._ejection is not None:
            self.ejected_until_ms, self._streak, self._row = other.ejected_until_ms, other._streak, other._row


class CheckedTarget:
    """What the health checks of one target came to so far; up until they fail so often in a row."""

    __slots__ = ("_healthy", "_row", "_unhealthy", "is_down")

    def __init__(self, healthy: int, unhealthy: int, *, is_down: bool) -> None:
        """healthy and unhealthy are how many outcomes in a row turn it."""
        self._healthy = healthy
        self._unhealthy = unhealthy
        self._row = 0
        self.is_down = is_down

    def note(self, *, is_failure: bool) -> bool:
        """Count one check; True when it turned the target."""
        if is_failure == self.is_down:
            self._row = 0
            return False
        self._row += 1
        if self._row < (self._unhealthy if is_failure else self._healthy):
            return False
        self._row = 0
        self.is_down = is_failure
        return True
