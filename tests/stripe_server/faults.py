"""Errors on demand: what the next matching requests meet. Ours, not Stripe's."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Any

from tests.stripe_server.errors import StripeError

KINDS = frozenset({"error", "drop", "hold", "lose_answer", "slow"})


@dataclass(slots=True)
class Fault:
    """One instruction.

    Shapes: kind `error` answers with status; `drop` closes the connection before anything is done, `lose_answer` after
    everything is done; `slow` waits `seconds` first, `hold` until faults are cleared. `skip` matching requests pass
    before; then `times` meet it.
    """

    kind: str = "error"
    method: str = ""
    path: str = ".*"
    status: int = 500
    times: int = 1
    skip: int = 0
    seconds: float = 0.0
    code: str | None = None
    gate: threading.Event = field(default_factory=threading.Event)

    def matches(self, method: str, path: str) -> bool:
        return self.method in {"", method} and re.fullmatch(self.path, path) is not None


@dataclass(slots=True)
class Faults:
    """The instructions that are still to be met."""

    waiting: list[Fault] = field(default_factory=list)
    held: list[Fault] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, given: dict[str, Any]) -> None:
        fault = Fault(**given)
        if fault.kind not in KINDS:
            message = f"kind is {fault.kind!r}, but must be one of {sorted(KINDS)}"
            raise ValueError(message)
        with self.lock:
            self.waiting.append(fault)

    def clear(self) -> None:
        with self.lock:
            self.waiting.clear()
            for fault in self.held:
                fault.gate.set()
            self.held.clear()

    def meet(self, method: str, path: str) -> Fault | None:
        """The fault this request meets."""
        with self.lock:
            for fault in self.waiting:
                if not fault.matches(method, path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
                if fault.kind == "hold":
                    self.held.append(fault)
                return fault
        return None


def error_of(fault: Fault) -> StripeError:
    """Stripe's answer of that status. Source: docs.stripe.com/api/errors (HTTP status code summary)."""
    if fault.status == 429:
        return StripeError(429, "invalid_request_error", "Request rate limit exceeded.", code="rate_limit")
    kind = "api_error" if fault.status >= 500 else "invalid_request_error"
    return StripeError(fault.status, kind, "An unknown error occurred", code=fault.code)
