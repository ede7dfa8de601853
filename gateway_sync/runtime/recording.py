"""Recording: what is remembered of an exchange that will be explained; an exchange that will not be has none.

Owns: what cannot be told afterwards from the exchange itself. Must not know: when to record, or where it goes.
"""

from __future__ import annotations

from gateway_sync.trace_wire import (
    MAX_DETAIL,
    MAX_PARTS,
    MAX_POLICIES,
    MAX_TRIES,
    Part,
    PolicyMet,
    SpanContext,
    Try,
)


class Recording:
    """Notes on one exchange.

    Shapes: reason is a word of trace_wire; is_watched = each policy is timed and compared; span is where the exchange
    stands in a distributed trace, None when none is told of it; try_id is the span of the try under way.
    """

    __slots__ = ("detail", "is_watched", "parts", "policies", "reason", "span", "tries", "try_id", "uploaded_ns")

    def __init__(self, reason: str, *, is_watched: bool = False, span: SpanContext | None = None) -> None:
        """Nothing happened yet."""
        self.reason = reason
        self.is_watched = is_watched
        self.span = span
        self.try_id = ""
        self.detail = ""
        self.uploaded_ns = 0
        self.policies: list[PolicyMet] = []
        self.tries: list[Try] = []
        self.parts: list[Part] = []

    def add_policy(self, met: PolicyMet) -> None:
        """A policy acted."""
        if len(self.policies) < MAX_POLICIES:
            self.policies.append(met)

    def add_try(self, made: Try) -> None:
        """A try at a target ended."""
        if len(self.tries) < MAX_TRIES:
            self.tries.append(made)

    def add_part(self, part: Part) -> None:
        """A call of a composite operation ended."""
        if len(self.parts) < MAX_PARTS:
            self.parts.append(part)

    def note_detail(self, detail: str) -> None:
        """Why the gateway refused, in words of its own."""
        self.detail = detail[:MAX_DETAIL]
