"""ComposedCall: the way of a request to a composite operation: several calls of services in place of one target.

Maps the core's effects to calls and timers. It outlives its exchange: when the caller is gone it goes on until what
took effect is undone.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from gateway_sync.messages import NO_BODY, SIZED, ResponseHead
from gateway_sync.runtime.attempts import Attempts
from gateway_sync.runtime.composed_step import BROKEN, NO_ROOM, TIMED_OUT, TOO_LARGE, WORDS, StepCall, StepClient
from gateway_sync.runtime.core.composed_outcomes import NOT_RUN, SKIPPED, Outcome
from gateway_sync.runtime.core.composed_values import values_of
from gateway_sync.runtime.core.composition import Composition, Cut, Effect, Pause, Send
from gateway_sync.runtime.core.stepped_heads import phrase
from gateway_sync.runtime.core.trace_context import traceparent_of
from gateway_sync.runtime.lending import loan_of
from gateway_sync.runtime.logs import of_request
from gateway_sync.runtime.recording import Recording
from gateway_sync.trace_wire import SAMPLED, Part

if TYPE_CHECKING:
    from gateway_sync.compositions import Composite
    from gateway_sync.runtime.composing import Compositions
    from gateway_sync.runtime.core.index import VersionEntry
    from gateway_sync.runtime.exchange import Exchange

logger = logging.getLogger(__name__)

_LEEWAY_S: Final = 2.0
_BODILESS: Final = (204, 304)


class ComposedCall(Attempts):
    """One request of a composite operation, from its body to its answer; longer where something is to be undone."""

    __slots__ = (
        "_calls", "_client", "_compositions", "_core", "_is_caller_gone", "_loan", "_serving", "_timers",
        "_undo_bytes", "_version", "caller", "operation", "request_id",
    )  # fmt: skip

    def __init__(
        self, exchange: Exchange, version: VersionEntry, composite: Composite, compositions: Compositions
    ) -> None:
        """Nothing is called yet; `start` does, or the last byte of the request's body."""
        super().__init__(exchange)
        self._serving = exchange.serving
        self._version = version
        self._compositions = compositions
        self._client = StepClient(exchange.serving, exchange.client)
        self._is_caller_gone = False
        self._calls: dict[int, StepCall] = {}
        self._undo_bytes: dict[int, int] = {}  # bytes that the answers to compensations may still have
        self._timers: list[asyncio.TimerHandle] = []
        self._loan = loan_of(exchange)  # for the bodies, which may be kept longer than the exchange lasts
        self.caller = caller_of(exchange)
        self.operation = composite.operation
        self.request_id = exchange.request_id.decode()
        self._core = Composition(
            composite,
            values_of(exchange.head, exchange.admission, self.request_id, exchange.client.address),
            self.request_id,
        )

    # The request.

    def start(self) -> None:
        """Begin; the body, where there is one, comes next and whole."""
        exchange, composite = self._exchange, self._core.composite
        exchange.version = self._version
        exchange.sent_ns = time.time_ns()
        exchange.client.deadline = self._serving.clock + composite.longest_ms / 1000 + _LEEWAY_S
        exchange.recording = exchange.recording or Recording(SAMPLED)
        if not exchange.head.traceparent and not self._serving.is_tracing:
            ids = os.urandom(24).hex()  # so that the services' own traces of the steps belong together
            exchange.head.traceparent = traceparent_of(ids[:32], ids[32:], is_sampled=False)
        if exchange.head.body == NO_BODY or not exchange.head.content_length:
            self._begin()

    def keep(self, content: bytes, *, is_sent: bool) -> None:  # noqa: ARG002 - there is no connection to send it on
        """Take the body, which the policies' steps collected."""
        stepping = self._exchange.stepping
        self._loan = (stepping.hand_over_loan() if stepping is not None else None) or self._loan
        self._core.use_body(content)
        self._begin()

    def _begin(self) -> None:
        self._compositions.note("begun", self)
        self._after(self._core.composite.timeout_ms, self._expire)
        self._advance(lambda: self._core.begin(_now_us()))

    def give_up(self) -> None:
        """The caller is gone, or was told something else: undo."""
        if not self._is_caller_gone:
            self._is_caller_gone = True
            if not self._core.is_over:
                self._advance(lambda: self._core.cancel(_now_us()))

    def may_repeat(self) -> bool:
        """False: what was lost was lost by a step."""
        return False

    # Effects.

    def _advance(self, decide: Callable[[], list[Effect]]) -> None:
        """Do what the core decides; whatever fails on the way must not take the place for ever."""
        try:
            self._do(decide())
        except Exception as error:  # noqa: BLE001 - the edge of the process: a bug must cost one call
            self.on_bug(error)

    def _do(self, effects: list[Effect]) -> None:
        for effect in effects:
            if self not in self._compositions.under_way:
                return  # a bug ended it meanwhile
            if isinstance(effect, Send):
                self._send(effect)
            elif isinstance(effect, Pause):
                self._after(effect.milliseconds, self._go_on)
            elif isinstance(effect, Cut):
                self._calls[effect.number].cut(TIMED_OUT)
            else:
                self._finish(effect)

    def _after(self, milliseconds: int, callback: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(milliseconds / 1000, callback))

    def _expire(self) -> None:
        self._advance(lambda: self._core.expire(_now_us()))

    def _go_on(self) -> None:
        self._advance(lambda: self._core.on_pause_over(_now_us()))

    def _send(self, send: Send) -> None:
        """Make the call; one that cannot be made has failed, so that those before it are undone."""
        try:
            self._call(send)
        except Exception as error:  # as in _advance
            call = self._calls.get(send.number)
            if call is not None and not call.is_over:
                call.on_bug(error)
            elif call is None and self._core.awaits(send.number):
                logger.exception(
                    "step %s of request %s failed", send.step, self.request_id, extra=of_request(self.request_id)
                )
                self._do(self._core.on_failed(send.number, BROKEN, _now_us(), is_sent=False))
            else:
                raise

    def _call(self, send: Send) -> None:
        version = self._service(send.request.service)
        if version is None or not version.targets:
            self._do(self._core.on_failed(send.number, "its service does not run here", _now_us(), is_sent=False))
            return
        grant = self._exchange.admission.grant
        if grant is not None and grant.caller.application:
            send.request.lines.append(b"X-Apim-Application: " + grant.caller.application.encode())
            send.request.lines.append(b"X-Apim-Organization: " + grant.caller.organization.encode())
        self._compositions.note("undoing" if send.is_undo else "called", self, send.step)
        call = self._calls[send.number] = StepCall(self, self._client, self._exchange, send, version)
        if send.is_undo:
            self._undo_bytes[send.number] = self._core.composite.max_bytes
        call.start()

    def _service(self, name: str) -> VersionEntry | None:
        """The version behind a service's name, as it is now; only one of the same organization."""
        if not name:
            return self._version
        found = self._serving.gate.index.versions.get(b"/" + name.encode())
        return found if found is not None and found.organization == self._version.organization else None

    # What comes of calls.

    def borrow(self, call: StepCall, size: int) -> str:
        """Why so much more of the answer may not be kept; "" = it may."""
        left = self._undo_bytes.get(call.number)
        if left is not None:  # of these only the status counts
            self._undo_bytes[call.number] = left - size
            return "" if left >= size else TOO_LARGE
        if not self._core.count_bytes(size):
            return TOO_LARGE
        return "" if self._loan.grow(size) else NO_ROOM

    def on_step_answer(self, call: StepCall, status: int, lines: list[bytes], body: bytes) -> None:
        """A service answered."""
        del self._calls[call.number]
        self._trace(call, "answered", status)
        self._advance(lambda: self._core.on_answer(call.number, status, lines, body, _now_us(), call.retries))

    def on_step_failure(self, call: StepCall, reason: str, *, is_sent: bool) -> None:
        """A service did not answer."""
        del self._calls[call.number]
        self._trace(call, WORDS.get(reason, reason))
        self._advance(lambda: self._core.on_failed(call.number, reason, _now_us(), call.retries, is_sent=is_sent))

    def on_bug(self, error: Exception) -> None:
        """The composition itself failed: nothing more is called, and whoever reads the log has to look after it."""
        self._is_caller_gone = True  # so that nothing is undone by a core that is not to be trusted
        if self in self._compositions.under_way:
            self._compositions.abandon(self)
            self._let_go()
            calls, self._calls = self._calls, {}
            for call in calls.values():
                call.forget()
        self._exchange.break_down(error, "internal-error")

    def _let_go(self) -> None:
        """Nothing is kept or waited for any more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._loan.end()

    def _trace(self, call: StepCall, outcome: str, status: int = 0) -> None:
        recording, began_us = self._exchange.recording, self._exchange.started_ns // 1000
        if recording is None or call.recording is None:
            return
        at_us = max(0, call.started_ns // 1000 - began_us)  # the clock may be set back meanwhile
        us = time.time_ns() // 1000 - began_us - at_us
        operation = f"{call.head.method.decode()} {call.written_path}"
        undoes = call.step if call.is_undo else ""
        name = f"undo {call.step}" if call.is_undo else call.step
        recording.add_part(Part(name, operation, outcome, at_us, max(0, us), status, undoes, call.recording.tries))

    # The answer.

    def _finish(self, outcome: Outcome) -> None:
        self._let_go()
        self._compositions.end(self, outcome)
        exchange = self._exchange
        if exchange.recording is not None:
            for record in outcome.records:
                if record.outcome in {SKIPPED, NOT_RUN}:
                    exchange.recording.add_part(Part(record.name, "", record.outcome, 0))
        if exchange.is_over:
            return
        if outcome.failure is not None:
            self._is_caller_gone = True  # there is nothing left to be undone when the exchange lets go of this
            exchange.fail(outcome.refusal())
            return
        head = ResponseHead()
        head.status, head.reason = outcome.status, phrase(outcome.status)
        head.lines = [*outcome.lines, self._serving.date]
        head.content_length = len(outcome.body)
        has_body = outcome.body and not exchange.is_head and outcome.status not in _BODILESS
        head.body = SIZED if has_body else NO_BODY
        exchange.on_answer(head, outcome.body if has_body else b"", is_complete=True)


def _now_us() -> int:
    return time.monotonic_ns() // 1000


def caller_of(exchange: Exchange) -> str:
    """The application, and the address of who has none."""
    grant = exchange.admission.grant
    return (grant.caller.application if grant is not None else "") or exchange.client.address
