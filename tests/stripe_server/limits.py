"""Limits on requests. Source: docs.stripe.com/rate-limits, docs.stripe.com/billing/.../recording-usage-api.

The number of requests a second is only limited when told so: how many a test sends in a second is up to the machine.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.stripe_server.errors import StripeError

METER_EVENTS = "/v1/billing/meter_events"


class Limits:
    """What is under way, and how many requests came in the last second."""

    def __init__(self) -> None:
        self.per_second: int | None = None
        self._recent: deque[float] = deque()
        self._busy: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def admit(self, method: str, path: str, given: dict[str, Any]) -> Iterator[None]:
        """Errors: StripeError 429 for one request too many, or a second one for the same customer and meter."""
        self._count()
        if method != "POST" or path != METER_EVENTS:
            yield
            return
        payload = given.get("payload")
        pair = (str(given.get("event_name")), str(payload))
        if isinstance(payload, dict):
            pair = (pair[0], str(payload.get("stripe_customer_id", payload)))
        with self._lock:
            if pair in self._busy:
                raise _too_many(
                    "This object cannot be accessed right now because another API request or Stripe process is "
                    "currently accessing it. If you see this error intermittently, retry the request. Only one "
                    "concurrent call is allowed per customer and meter.",
                    "lock_timeout",
                    "concurrency",
                )
            self._busy.add(pair)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(pair)

    def _count(self) -> None:
        if self.per_second is None:
            return
        now = time.monotonic()
        with self._lock:
            while self._recent and self._recent[0] <= now - 1:
                self._recent.popleft()
            if len(self._recent) >= self.per_second:
                raise _too_many(
                    "Request rate limit exceeded. Learn more about rate limits here "
                    "https://stripe.com/docs/rate-limits.",
                    "rate_limit",
                    "global-rate",
                )
            self._recent.append(now)


def _too_many(message: str, code: str, reason: str) -> StripeError:
    error = StripeError(429, "invalid_request_error", message, code=code)
    error.headers["Stripe-Rate-Limited-Reason"] = reason
    return error
