"""StepCall: one call of a composite operation's step, over the same pools as any exchange.

It is an Exchange to the way that leads to a target, and has no caller of its own: what comes of it goes to the
composition. Owns: the time of the call, collecting its answer. Must not know: steps, what the answer means.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, Protocol

from gateway_sync.messages import NO_BODY, SIZED, Refusal, RequestHead, ResponseHead
from gateway_sync.runtime.attempts import Attempts, send_again, send_head
from gateway_sync.runtime.client import ClientConnection
from gateway_sync.runtime.exchange import Exchange
from gateway_sync.runtime.logs import of_request
from gateway_sync.runtime.pooled import PooledCall
from gateway_sync.runtime.recording import Recording
from gateway_sync.trace_wire import SAMPLED

if TYPE_CHECKING:
    from gateway_sync.runtime.core.composition import Send
    from gateway_sync.runtime.core.index import VersionEntry
    from gateway_sync.runtime.serving import Serving

logger = logging.getLogger(__name__)

TIMED_OUT: Final = "it did not answer in time"
TOO_LARGE: Final = "its answer is too large"
NO_ROOM: Final = "there is no room here to keep its answer"
BROKEN: Final = "the gateway failed"
_REASONS: Final = {
    "upstream-unreachable": "its service cannot be reached",
    "upstream-invalid": "its service answered nonsense",
    "upstream-timeout": TIMED_OUT,
    "no-healthy-target": "no instance of its service is healthy",
    "overloaded": "its service has too many calls under way",
}
WORDS: Final = {reason: code.removeprefix("upstream-") for code, reason in _REASONS.items()} | {
    TOO_LARGE: "too-large",
    NO_ROOM: "overloaded",
    BROKEN: "internal-error",
}


class Listener(Protocol):
    """Who is told what came of a call."""

    def borrow(self, call: StepCall, size: int) -> str:
        """Why so much more of the answer may not be kept; "" = it may."""

    def on_step_answer(self, call: StepCall, status: int, lines: list[bytes], body: bytes) -> None:
        """The whole answer."""

    def on_step_failure(self, call: StepCall, reason: str, *, is_sent: bool) -> None:
        """No answer; is_sent = something of the call may have reached the service."""

    def on_bug(self, error: Exception) -> None:
        """The gateway itself failed after the call was over."""


class StepClient(ClientConnection):
    """The caller of a composite operation as its steps see it: an address, and nothing to wait for."""

    __slots__ = ()

    def __init__(self, serving: Serving, caller: ClientConnection) -> None:
        """What hop lines tell is known of the caller; its connection is not needed any more."""
        super().__init__(serving)
        self.address = caller.address
        self.peer = caller.peer

    def pause_reading(self, *, is_paused: bool) -> None:
        """Nothing is read."""


class StepCall(Exchange):
    """One call under way."""

    __slots__ = (
        "_body", "_head", "_listener", "_parts", "_timeout_s", "_timer", "is_undo", "number", "step",
        "written_path",
    )  # fmt: skip

    def __init__(
        self, listener: Listener, client: StepClient, exchange: Exchange, send: Send, version: VersionEntry
    ) -> None:
        """exchange is that of the caller; nothing is sent yet."""
        request = send.request
        self._listener = listener
        self.number = send.number
        self.step = send.step
        self.is_undo = send.is_undo
        self.written_path = request.written_path
        caller = exchange.recording
        self.recording = Recording(SAMPLED, span=caller.span if caller is not None else None)
        self._started_ns = time.time_ns()
        self.client = client
        self.serving = exchange.serving
        self.version = version
        self.admission = exchange.admission
        self.request_id = exchange.request_id
        self.answer_lines = version.answer_lines
        self.path = request.path
        self.head = _head_of(send, exchange.head)
        self.is_head = request.method == b"HEAD"
        self.is_upload_complete = True
        self.is_over = self._is_answered = self._is_admitted = False
        self.upstream = self.attempts = self.stepping = None
        self.sent_ns = self._upstream_us = self._status = self._request_bytes = self._response_bytes = 0
        self._charged_lines = b""
        self._body = request.body
        self._head: ResponseHead | None = None
        self._parts: list[bytes] = []
        self._timeout_s = request.timeout_ms / 1000
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Send it on its way."""
        self._timer = asyncio.get_running_loop().call_later(self._timeout_s, self._on_late)
        version = self.version
        if version.pool is not None:
            pooled = PooledCall(self, version.pool)
            self.attempts = pooled
            pooled.start()
        else:
            self.target = version.targets[0]
            connection = self.serving.pool_of(self.target).take()
            if connection is not None:
                send_head(self, connection)
            else:
                attempts = Attempts(self)
                self.attempts = attempts
                attempts.dial()
        if self._body is not None and not self.is_over:
            self.send_on(self._body, is_complete=True)

    def on_upload_paused(self, *, is_paused: bool) -> None:
        """The whole request was written at once."""

    def on_answer(self, head: ResponseHead, body: bytes, *, is_complete: bool) -> None:
        """Keep what came."""
        self._head = head
        self.on_content(body, is_complete=is_complete)

    def on_content(self, body: bytes, *, is_complete: bool) -> None:
        """Keep more of it; the last part makes it whole."""
        if self.is_over:
            return
        if body and (reason := self._listener.borrow(self, len(body))):
            self.cut(reason)
            return
        self._parts.append(body)
        if is_complete and self._head is not None:
            self._end()
            self._listener.on_step_answer(self, self._head.status, self._head.lines, b"".join(self._parts))

    def on_failure(self, code: str, *, is_stale: bool) -> None:
        """Try again where that is safe."""
        self.upstream = None
        if not is_stale or not send_again(self):
            self._report(_REASONS.get(code, code))

    def refuse(self, refusal: Refusal) -> None:
        """There is no way to a target."""
        self._report(_REASONS.get(refusal.code, refusal.code))

    def fail(self, refusal: Refusal) -> None:
        """As refuse: nobody else hears of it."""
        self.refuse(refusal)

    def on_bug(self, error: Exception) -> None:
        """The call has failed, and whether it took effect is not known; or the composition did after it."""
        if self.is_over:
            self._listener.on_bug(error)
        else:
            logger.error(
                "step %s of request %s failed",
                self.step,
                self.request_id.decode(),
                exc_info=error,
                extra=of_request(self.request_id),
            )
            self.cut(BROKEN)

    def _on_late(self) -> None:
        if self.attempts is not None:
            self.attempts.note_timeout()
        self.cut(TIMED_OUT)

    def cut(self, reason: str) -> None:
        """Stop it, wherever it is, and say so."""
        if not self.is_over:
            is_sent = self._is_sent
            self._drop_upstream()
            self._report(reason, is_sent=is_sent)

    def forget(self) -> None:
        """Stop it without a word to anybody."""
        if not self.is_over:
            self._drop_upstream()
            self._end()

    @property
    def _is_sent(self) -> bool:
        pooled = self.attempts
        return self.sent_ns > 0 or (isinstance(pooled, PooledCall) and pooled.resent > 0)

    @property
    def retries(self) -> int:
        """How often it was sent again."""
        return self.attempts.resent if isinstance(self.attempts, PooledCall) else 0

    def _report(self, reason: str, *, is_sent: bool | None = None) -> None:
        if not self.is_over:
            was_sent = self._is_sent if is_sent is None else is_sent
            self._end()
            self._listener.on_step_failure(self, reason, is_sent=was_sent)

    def _end(self) -> None:
        self.is_over = True
        self.upstream = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _head_of(send: Send, caller: RequestHead) -> RequestHead:
    """The head of the call; the trace and the way so far are the caller's."""
    request = send.request
    head = RequestHead()
    head.method = request.method
    head.target_path = request.path
    head.query = request.query
    head.host = caller.host
    head.lines = request.lines
    head.via = caller.via
    head.traceparent = caller.traceparent
    head.tracestate = caller.tracestate
    head.body = SIZED if request.body is not None else NO_BODY
    head.content_length = len(request.body) if request.body is not None else 0
    return head
