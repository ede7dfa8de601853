"""The client-side tally of a soak: every call beside the usage record of it, until nothing is left to explain."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

from gateway_sync.usage_wire import UsageEvent

MOST_FAULTS = 20
SHED = 503  # an overloaded worker refuses before it knows who calls: such an answer may have no record
TUNNEL = 101


@dataclass(slots=True)
class Call:
    """One call, as it was asked.

    Shapes: body_bytes = of the request; a call of a flapping API may be answered with 502, 503 or 504.
    """

    name: str
    path: str
    body_bytes: int = 0
    is_flapping: bool = False
    is_tunnel: bool = False
    began: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a client got. Shapes: status 0 = the connection broke before the answer was whole."""

    status: int
    request_id: str = ""
    bytes: int = 0


@dataclass(slots=True)
class _Entry:
    call: Call
    outcome: Outcome | None = None
    event: UsageEvent | None = None


@dataclass
class Tally:
    """All calls that are not explained yet; taken in by two threads.

    Shapes: counts by status, with `broken` and `indeterminate`; faults are sentences.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    _entries: dict[str, _Entry] = field(default_factory=dict)
    _last_seq: dict[str, int] = field(default_factory=dict)
    _killed: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, call: Call) -> None:
        """A call is about to be sent."""
        with self._lock:
            self._entries[call.name] = _Entry(call)

    def ended(self, name: str, outcome: Outcome) -> None:
        """A client has its answer, or knows that it gets none."""
        with self._lock:
            self.counts[str(outcome.status) if outcome.status else "broken"] += 1
            self._entries[name].outcome = outcome
            self._close(name)

    def killed(self, boot: str) -> None:
        """The worker with this boot was killed."""
        with self._lock:
            self._killed.add(boot[:16])

    def was_killed(self, boot: str) -> bool:
        """True when the worker with this boot was killed."""
        return boot[:16] in self._killed

    def has_heard_of(self, boot: str) -> bool:
        """True once a record of the worker with this boot came."""
        return boot in self._last_seq

    def noted(self, boot: str, events: list[UsageEvent]) -> None:
        """Usage records came; those that came before are the same ones again."""
        with self._lock:
            for event in events:
                if event.seq <= self._last_seq.get(boot, 0):
                    continue
                if event.seq != self._last_seq.get(boot, 0) + 1:
                    self.fault(f"record {event.seq} of {boot} came after {self._last_seq.get(boot, 0)}")
                self._last_seq[boot] = event.seq
                if not event.client_request_id:
                    continue  # of who waited for the gateway to be ready
                entry = self._entries.get(event.client_request_id)
                if entry is None or entry.event is not None:
                    self.fault(f"a record of no call, or its second one: {event}")
                    continue
                entry.event = event
                self.counts["indeterminate"] += event.is_indeterminate
                self._close(event.client_request_id)

    def fault(self, sentence: str) -> None:
        """Note what must not be."""
        self.counts["faults"] += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(sentence)

    def waiting(self) -> int:
        """How many answers have no record yet, or calls no end."""
        with self._lock:
            return sum(
                entry.outcome is None or (entry.event is None and entry.outcome.status not in (0, SHED))
                for entry in self._entries.values()
            )

    def conclude(self) -> None:
        """Nothing more will come: what is left must be explained by a broken connection or a shed call."""
        for entry in self._entries.values():
            if entry.outcome is None:
                self.fault(f"no end of {entry.call}")
            elif entry.event is None and entry.outcome.status not in (0, SHED):
                self.fault(f"answered and not counted: {entry.call}, {entry.outcome}")

    def _close(self, name: str) -> None:
        """Compare the two sides of a call once both are there; a broken one waits for a second record to the end."""
        entry = self._entries[name]
        call, outcome, event = entry.call, entry.outcome, entry.event
        if outcome is None or event is None:
            return
        # To its client a tunnel that is killed after both sides said goodbye looks like one that ended.
        is_cut_at_end = call.is_tunnel and event.is_indeterminate and self.was_killed(event.request_id)
        if outcome.status == 0 or is_cut_at_end:
            if event.is_indeterminate and not self.was_killed(event.request_id):
                self.fault(f"indeterminate, and its worker was not killed: {event}")
            return
        is_same = (
            event.request_id == outcome.request_id
            and event.status == outcome.status
            and event.path == call.path
            and not event.is_indeterminate
            and (call.is_tunnel or (event.response_bytes, event.request_bytes) == (outcome.bytes, call.body_bytes))
        )
        if not is_same:
            self.fault(f"the record is not as the answer: {call}, {outcome}, {event}")
        del self._entries[name]
