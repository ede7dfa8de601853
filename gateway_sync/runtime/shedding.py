"""What requests become while their worker is overloaded, or is about to end."""

from __future__ import annotations

from gateway_sync.messages import Refusal
from gateway_sync.runtime.core.admission import Admission
from gateway_sync.runtime.exchange import Exchange


class ShedExchange(Exchange):
    """Refused before anything is looked up for it."""

    __slots__ = ()

    def start(self) -> None:
        """Say when to come back."""
        self.admission = Admission()
        self.refuse(Refusal("overloaded", "The gateway has more requests than it can serve.", (b"Retry-After: 1",)))


class LastExchange(Exchange):
    """Served as ever, but the last of its connection: the next one goes to the worker that follows."""

    __slots__ = ()

    def start(self) -> None:
        """Decide, and say in the answer that the connection ends."""
        self.head.is_persistent = False
        super().start()
