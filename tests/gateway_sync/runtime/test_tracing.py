"""Which calls are explained: no kind of them takes the room of another."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from gateway_sync.messages import RequestHead
from gateway_sync.policies.tracing import TracingSettings
from gateway_sync.runtime.core.admission import Admission
from gateway_sync.runtime.explaining import Ended
from gateway_sync.runtime.recording import Recording
from gateway_sync.runtime.trace_ring import TraceRing
from gateway_sync.runtime.tracing import Tracing
from gateway_sync.trace_wire import SAMPLED, decode_trace

if TYPE_CHECKING:
    from gateway_sync.runtime.exchange import Exchange
    from gateway_sync.runtime.serving import Serving


def an_exchange(recording: Recording | None) -> Exchange:
    index = SimpleNamespace(revision=1)
    found = SimpleNamespace(
        admission=Admission(), head=RequestHead(), recording=recording, stepping=None, attempts=None,
        request_id=b"r-1", serving=SimpleNamespace(gate=SimpleNamespace(index=index)),
        client=SimpleNamespace(takes_trailers=False, peer=None),
    )  # fmt: skip
    return cast("Exchange", found)


def ended(status: int, code: str = "") -> Ended:
    return Ended(status, code, 1, 10, 0, 0, 0, is_answered=not code)


def test_many_composites_that_succeed_leave_room_for_what_fails(tmp_path: Path) -> None:
    ring = TraceRing(tmp_path / "ring")
    tracing = Tracing(ring)
    serving = SimpleNamespace(spool=SimpleNamespace(number=0), sample_from=0)
    tracing.use((), cast("Serving", serving))
    for _ in range(500):  # each is recorded, in case that it fails
        tracing.note(an_exchange(Recording(SAMPLED)), ended(201))
    tracing.note(an_exchange(Recording(SAMPLED)), ended(502, "step-failed"))
    tracing.note(an_exchange(None), ended(401, "unauthenticated"))
    statuses = [decode_trace(record).status for record in ring.read(1000)]
    assert statuses == [201] * TracingSettings().successes + [502, 401]
