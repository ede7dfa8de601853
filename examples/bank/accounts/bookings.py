"""What was booked under which Idempotency-Key, so that nothing is booked twice and everything can be undone once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus

from examples.bank.server import RefusedError

MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Booking:
    """One booking and what was answered to it."""

    account: str
    amount: Decimal
    answer: dict[str, object]


class Bookings:
    """The latest bookings by key; a key that was voided stands for nothing, now and later."""

    def __init__(self) -> None:
        """None yet."""
        self._known: dict[str, Booking | None] = {}

    def find(self, key: str) -> Booking | None:
        """The booking under a key. Errors: RefusedError for one that was undone, even before it arrived."""
        if key in self._known and self._known[key] is None:
            raise RefusedError(HTTPStatus.CONFLICT, "undone", "What this key stood for was undone.")
        return self._known.get(key)

    def keep(self, key: str, booking: Booking) -> None:
        """Remember it."""
        self._put(key, booking)

    def void(self, key: str) -> Booking | None:
        """The booking that is to be undone now; None when there is none, or it was undone before."""
        booking = self._known.get(key)
        self._put(key, None)
        return booking

    def _put(self, key: str, booking: Booking | None) -> None:
        self._known[key] = booking
        if len(self._known) > MAX_KEPT:
            del self._known[next(iter(self._known))]
