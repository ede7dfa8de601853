"""Retrying: whether a failed call may be sent again, and after which pause."""

from __future__ import annotations

from gateway_sync.upstreams.retries import Retries

RETRY = 100  # what one retry takes out of the budget
MOST = 10 * RETRY  # saved up at most
STATUS, RESET, TIMEOUT, UNREACHED = "status", "reset", "timeout", "unreached"


class Budget:
    """Retries as a share of the calls, and one a second besides, so that a quiet service has some too."""

    __slots__ = ("_at_ms", "_percent", "_saved")

    def __init__(self, percent: int) -> None:
        """Full."""
        self._percent = percent
        self._saved = MOST
        self._at_ms = 0

    def note_call(self) -> None:
        """A call adds its share."""
        if self._saved < MOST:
            self._saved += self._percent

    def take(self, now_ms: int) -> bool:
        """True when one more retry fits; it is taken."""
        seconds = (now_ms - self._at_ms) // 1000
        if seconds > 0:
            self._saved = min(MOST, self._saved + seconds * RETRY)
            self._at_ms = now_ms
        if self._saved < RETRY:
            return False
        self._saved -= RETRY
        return True


def is_failed_status(status: int) -> bool:
    """True when an answer counts as a failure of its target: 501 tells about the method, not about the target."""
    return status >= 500 and status != 501  # noqa: PLR2004


def may_retry(settings: Retries, method: bytes, why: str, attempts: int, *, is_body_kept: bool) -> bool:
    """True when the call may go out once more, given why it failed and how often it was sent again.

    Shapes: why is STATUS, RESET, TIMEOUT or UNREACHED, the last being the only one after which no byte of it can have
    taken effect.
    """
    if attempts >= settings.attempts or not is_body_kept:
        return False
    if why == UNREACHED:
        return True
    return method.decode("latin-1") in settings.methods and (why == STATUS or why in settings.errors)


def pause_ms(settings: Retries, attempts: int, draw: int) -> int:
    """How long to wait before retry number `attempts` (0 first): doubled each time, the upper half of it by chance."""
    whole = settings.backoff_ms << attempts
    half = whole // 2
    return half + draw % (whole - half + 1)
