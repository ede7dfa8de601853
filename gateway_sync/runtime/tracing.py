"""Tracing: which exchanges of a worker are recorded, where they stand in a distributed trace, and who is told.

Owns: the budgets, so that no flood of calls costs more than a bounded share of the worker; ids; the ring. Decides
before anything is noted. Must not know: who reads the ring.
"""

from __future__ import annotations

import logging
import os
import random
import time
from typing import TYPE_CHECKING, Final

from gateway_sync.policies import parse_policy, tracing
from gateway_sync.policies.tracing import TracingSettings
from gateway_sync.problems import Where
from gateway_sync.runtime.core.sampling import NEVER, Budget, gap
from gateway_sync.runtime.core.trace_context import (
    lines_passed_on,
    parse_traceparent,
    parse_tracestate,
    trace_lines,
    traceparent_of,
)
from gateway_sync.runtime.explaining import Ended, explain, explain_unread, try_under_way
from gateway_sync.runtime.recording import Recording
from gateway_sync.trace_wire import FAILED, REFUSED, RETRIED, SAMPLED, CallTrace, SpanContext, encode_trace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway_sync.messages import Refusal
    from gateway_sync.runtime.exchange import Exchange
    from gateway_sync.runtime.serving import Serving
    from gateway_sync.runtime.trace_ring import TraceRing
    from gateway_sync.snapshot import Policy

logger = logging.getLogger(__name__)

KNOWN_A_SECOND: Final = 50  # refusals and failures of identified callers that one worker tells
NOBODYS_A_SECOND: Final = 10  # of all others: a flood of them must not push out those of callers
BURST: Final = 4  # times as many at once
IDS_AT_ONCE: Final = 256
_ERROR: Final = 400
_SERVER_ERROR: Final = 500


class Tracing:
    """One worker's; without a ring nothing is recorded, and callers' contexts are passed on as they came."""

    def __init__(self, ring: TraceRing | None = None, slot: int = 0, *, is_exporting: bool = False) -> None:
        """is_exporting = spans are sent to a collector."""
        self._ring = ring
        self._slot = slot
        self.is_exporting = is_exporting and ring is not None
        self._settings = TracingSettings()
        self._known = Budget(KNOWN_A_SECOND, KNOWN_A_SECOND * BURST)
        self._nobodys = Budget(NOBODYS_A_SECOND, NOBODYS_A_SECOND * BURST)
        self._successes = self._parents = self._composed = Budget(0, 0)
        self._span_at = NEVER
        self._ids: list[tuple[str, str]] = []
        self._is_failing = False

    def use(self, policies: Iterable[Policy], serving: Serving) -> None:
        """Record as an environment's policies say from now on."""
        settings = self._settings = settings_of(policies)
        self._successes = Budget(settings.successes, settings.successes) if self._ring is not None else Budget(0, 0)
        self._parents = Budget(settings.parents, settings.parents)
        self._composed = Budget(settings.successes, settings.successes)  # of composites: a share of their own
        self._draw(serving)
        self._arm(serving)

    def fill(self, seconds: float, serving: Serving) -> None:
        """So much time went by."""
        for budget in (self._known, self._nobodys, self._successes, self._parents, self._composed):
            budget.fill(seconds)
        self._arm(serving)

    def _draw(self, serving: Serving) -> None:
        share = 1 / self._settings.one_in if self.is_exporting and self._settings.one_in else 0
        self._span_at = min(NEVER, serving.spool.number + gap(share, random.random()))  # noqa: S311 - no secret

    def _arm(self, serving: Serving) -> None:
        serving.sample_from = self._span_at if self._successes.is_empty else 0

    # What an exchange asks.

    def begin(self, exchange: Exchange) -> None:
        """Decide whether the exchange is recorded whatever comes of it."""
        head, serving = exchange.head, exchange.serving
        if self._ring is None:
            serving.sample_from = NEVER
            return
        parent = parse_traceparent(head.traceparent) if head.traceparent and self.is_exporting else None
        is_span = parent is not None and parent.is_sampled and self._parents.take()
        if serving.spool.number >= self._span_at:
            self._draw(serving)
            is_span = is_span or parent is None
        if self._successes.take() or is_span:
            span = None
            if is_span:
                trace_id, span_id = self._fresh_ids()
                span = SpanContext(trace_id, span_id)
                if parent is not None:
                    state = parse_tracestate(head.tracestate).decode()
                    span = SpanContext(parent.trace_id, span_id, parent.span_id, state)
            exchange.recording = Recording(SAMPLED, is_watched=True, span=span)
        self._arm(serving)

    def lines(self, exchange: Exchange) -> bytes:
        """The lines that tell the service where it stands, for one try."""
        head, recording = exchange.head, exchange.recording
        span = recording.span if recording is not None else None
        if span is not None and recording is not None:
            recording.try_id = self._fresh_ids()[1]
            line = traceparent_of(span.trace_id, recording.try_id, is_sampled=True)
            return trace_lines(line, span.state.encode())
        if not self.is_exporting:
            return lines_passed_on(head.traceparent, head.tracestate)
        parent = parse_traceparent(head.traceparent) if head.traceparent else None
        trace_id, span_id = self._fresh_ids()
        if parent is None:
            return trace_lines(traceparent_of(trace_id, span_id, is_sampled=False))
        if not parent.is_sampled:
            return lines_passed_on(head.traceparent, head.tracestate)
        # Its caller recorded it, but there is no room here: who changes the flag has an id of its own.
        line = traceparent_of(parent.trace_id, span_id, is_sampled=False)
        return trace_lines(line, parse_tracestate(head.tracestate))

    def lines_of_copy(self) -> bytes:
        """The lines of a request that is only a copy: nobody waits for its answer, so it is no part of a trace."""
        return trace_lines(traceparent_of(*self._fresh_ids(), is_sampled=False)) if self.is_exporting else b""

    def _fresh_ids(self) -> tuple[str, str]:
        """A trace's id and a span's, drawn in bulk: a system call for each would cost more than its use."""
        if not self._ids:
            traces = os.urandom(16 * IDS_AT_ONCE).hex("-", 16).split("-")
            spans = os.urandom(8 * IDS_AT_ONCE).hex("-", 8).split("-")
            self._ids = list(zip(traces, spans, strict=True))
        return self._ids.pop()

    # What an exchange tells.

    def note_refusal(self, exchange: Exchange, refusal: Refusal) -> None:
        """The gateway refuses; its own words may be told, those of a policy's step may quote the call."""
        if self._ring is None:
            return
        recording = exchange.recording = exchange.recording or Recording(REFUSED)
        if exchange.stepping is None or not exchange.stepping.has_run:
            recording.note_detail(refusal.detail)

    def note_retry(self, exchange: Exchange, why: str) -> None:
        """A try ended, and another one follows."""
        if self._ring is None:
            return
        recording = exchange.recording = exchange.recording or Recording(RETRIED)
        now_ns = time.time_ns()
        took_us = max(0, now_ns - exchange.started_ns) // 1000
        ended = Ended(0, why, exchange.started_ns, took_us, 0, 0, 0, is_answered=False)
        made = try_under_way(exchange, recording, ended, retry=why)
        if made is not None:
            recording.add_try(made)

    def note(self, exchange: Exchange, ended: Ended) -> None:
        """The exchange ended. Errors: none; what goes wrong here must not cost the call."""
        ring, recording = self._ring, exchange.recording
        if ring is None:
            return
        if (recording is None or not recording.is_watched) and not self._budget_of(exchange, ended).take():
            return
        try:
            recording = recording or Recording(REFUSED if ended.code else SAMPLED)
            if recording.reason != RETRIED and ended.status >= _SERVER_ERROR:
                recording.reason = FAILED
            elif recording.reason == SAMPLED and ended.code:
                recording.reason = REFUSED
            ring.write(encode_trace(explain(exchange, recording, ended, self._slot)))
        except Exception as error:  # noqa: BLE001 - as said
            self._complain(error)

    def _budget_of(self, exchange: Exchange, ended: Ended) -> Budget:
        """What a call that was not sampled is told of; a success is one of a composite, which is always recorded."""
        recording, grant = exchange.recording, exchange.admission.grant
        if recording is not None and recording.reason == SAMPLED and not ended.code and ended.status < _ERROR:
            return self._composed
        return self._known if grant is not None and grant.context else self._nobodys

    def note_unread(self, request_id: str, refusal: Refusal, status: int, revision: int) -> None:
        """Bytes were refused that are no request, or one that the edge does not let in. Errors: none."""
        if self._ring is None or not self._nobodys.take():
            return
        try:
            trace: CallTrace = explain_unread(request_id, time.time_ns(), refusal, status, self._slot, revision)
            self._ring.write(encode_trace(trace))
        except Exception as error:  # noqa: BLE001 - as said
            self._complain(error)

    def _complain(self, error: Exception) -> None:
        if not self._is_failing:
            self._is_failing = True
            logger.error("a call cannot be explained; further ones like it are not told", exc_info=error)


def settings_of(policies: Iterable[Policy]) -> TracingSettings:
    """How an environment's policies say that exchanges are recorded."""
    settings = TracingSettings()
    for policy in policies:
        if policy.kind == tracing.KIND:
            value, _ = parse_policy(policy.kind, policy.settings, Where("environment", ""))
            settings = value if isinstance(value, TracingSettings) else settings
    return settings
