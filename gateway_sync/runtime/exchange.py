"""Exchange: one request and its answer, from the head to the last byte.

Maps the core's decisions to I/O: streams both ways; dispatch finds the upstream, accounting counts. It decides nothing
about policy itself.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from gateway_sync.messages import CHUNKED, NO_BODY, FramingError, Refusal, RequestHead, ResponseHead
from gateway_sync.runtime.accounting import AccountedExchange
from gateway_sync.runtime.attempts import Attempts, send_again
from gateway_sync.runtime.core.admission import Admission
from gateway_sync.runtime.core.forwarding import client_head, cors_lines
from gateway_sync.runtime.core.leases import WANTED
from gateway_sync.runtime.core.refusals import refusal_answer, status_of
from gateway_sync.runtime.core.response_head import AnswerLines
from gateway_sync.runtime.dispatch import dispatch
from gateway_sync.runtime.logs import of_request
from gateway_sync.runtime.spool_format import CLIENT_CLOSED
from gateway_sync.runtime.stats import ABORTED, REFUSED, UPSTREAM_ERRORS
from gateway_sync.runtime.stepping import Stepping

if TYPE_CHECKING:
    from gateway_sync.runtime.client import ClientConnection
    from gateway_sync.runtime.core.index import VersionEntry
    from gateway_sync.runtime.core.rules import Rules
    from gateway_sync.runtime.core.targets import TargetEntry
    from gateway_sync.runtime.recording import Recording
    from gateway_sync.runtime.serving import Serving
    from gateway_sync.runtime.upstream import UpstreamConnection

logger = logging.getLogger(__name__)


class Exchange(AccountedExchange):
    """One request being served. It is the Receiver of the upstream's answer."""

    __slots__ = (
        "_mode", "answer_lines", "attempts", "is_head", "is_over", "is_upload_complete", "path", "request_id", "rules",
        "sent_ns", "target", "trailers", "upstream", "version",
    )  # fmt: skip

    answer_lines: AnswerLines
    version: VersionEntry
    target: TargetEntry
    path: bytes
    rules: Rules

    def __init__(self, client: ClientConnection, serving: Serving, head: RequestHead) -> None:
        """Nothing is decided yet; `start` does."""
        self.client = client
        self.serving = serving
        self.head = head
        self.is_head = head.method == b"HEAD"
        self.is_upload_complete = head.body == NO_BODY
        self._started_ns = time.time_ns()
        serving.spool.number += 1
        self._number = serving.spool.number
        self.request_id = b"%s-%08x" % (serving.boot, self._number)
        self.upstream: UpstreamConnection | None = None
        self.attempts: Attempts | None = None
        self.stepping: Stepping | None = None
        self.recording: Recording | None = None
        self.trailers = b""  # of the request, as they go on
        self._is_admitted = self._is_answered = self.is_over = False
        self._request_bytes = self._response_bytes = self.sent_ns = self._upstream_us = self._status = 0
        self._charged_lines = client.host_lines

    def start(self) -> None:
        """Decide, and send the request on its way or refuse it."""
        serving, head = self.serving, self.head
        now_ns = self._started_ns
        if self._number >= serving.sample_from or head.traceparent:
            serving.tracing.begin(self)
        admission = self.admission = serving.gate.admit(head, self.client.address, now_ns)
        refusal, grant, route = admission.refusal, admission.grant, admission.route
        if refusal is None and grant is not None and route is not None:
            rules = self.rules = route.rules
            refusal = self._charge(grant, now_ns) if grant.charges or grant.late else None
            limit = rules.max_body_bytes
            if refusal is None and 0 <= limit < head.content_length:
                refusal = Refusal("body-too-large", f"The limit is {limit} bytes.")
            if refusal is None and not self._note(grant, now_ns) and not self._passes_unmetered(grant):
                refusal = Refusal("overloaded", "Usage cannot be noted now.", (b"Retry-After: 5",))
            if refusal is None:
                if rules.is_stepped:
                    self.stepping = Stepping(self, rules)
                    self.stepping.begin()
                else:
                    self.go_on(route.version)
                return
        if admission.preflight is not None:
            self._answer_preflight(admission.preflight)
        elif refusal is not None and refusal.code == WANTED and serving.sharing is not None:
            serving.sharing.park(self)
        else:
            self.refuse(refusal or Refusal("internal-error"))

    def go_on(self, version: VersionEntry) -> None:
        """Send the admitted request on its way."""
        dispatch(self, version)

    # The request's body, fed by the client connection.

    def upload(self, content: bytes, *, is_complete: bool) -> None:
        """Send more of the request's body on; content is without the chunked coding."""
        self.is_upload_complete = is_complete
        self._request_bytes += len(content)
        if self.is_over:
            return
        if is_complete and self.recording is not None:
            self.recording.uploaded_ns = time.time_ns()
        limit = self.rules.max_body_bytes
        if 0 <= limit < self._request_bytes:
            self.fail(Refusal("body-too-large", f"The limit is {limit} bytes.", is_closing=True))
        elif self.stepping is not None and self.stepping.is_collecting:
            self.stepping.collect(content, is_complete=is_complete)
        else:
            self.send_on(content, is_complete=is_complete)

    def send_on(self, content: bytes, *, is_complete: bool) -> None:
        """Send a part of the body to the upstream, or keep it until there is one."""
        if self.head.body == CHUNKED:
            content = (b"%x\r\n%s\r\n" % (len(content), content) if content else b"") + (
                b"0\r\n%s\r\n" % self.trailers if is_complete else b""
            )
        if not content:
            return
        if self.attempts is not None:
            self.attempts.keep(content, is_sent=self.upstream is not None)
        if self.upstream is not None:
            self.upstream.transport.write(content)

    @property
    def is_waiting_to_send(self) -> bool:
        """True while the upstream takes no more of the body: not connected yet, or slower than the client."""
        return self.attempts is not None if self.upstream is None else self.upstream.is_write_paused

    def on_upload_paused(self, *, is_paused: bool) -> None:
        """The upstream reads slower than the client sends, or caught up."""
        self.client.pause_reading(is_paused=is_paused)

    def pause_download(self, *, is_paused: bool) -> None:
        """The client reads slower than the upstream sends, or caught up."""
        if self.upstream is not None:
            if is_paused:
                self.upstream.transport.pause_reading()
            else:
                self.upstream.transport.resume_reading()

    # The answer, told by the upstream connection.

    def on_interim(self, status: int) -> None:
        """Informational answers end here: 100 was given by the gateway itself, the others are not needed by anyone."""

    def on_switch(self, _upstream: UpstreamConnection, _head: ResponseHead, _block: bytes, _rest: bytes, /) -> None:
        """Refuse an answer of 101: no Upgrade was sent on. Errors: FramingError."""
        raise FramingError("upstream-invalid", "The upstream turned to a protocol that was not asked for.")

    def on_answer(self, head: ResponseHead, body: bytes, *, is_complete: bool) -> None:
        """Send the head on, and what came with it."""
        if self.stepping is not None:
            stepped = self.stepping.on_answer(head, body, is_complete=is_complete)
            if stepped is None:
                return
            head, body = stepped
        self._upstream_us = (time.time_ns() - self.sent_ns) // 1000
        self._status = head.status
        serving, client = self.serving, self.client
        if is_complete and not self.is_upload_complete:
            self.head.is_persistent = False  # the rest of the body will not be read (RFC 9112 section 9.3)
        block, self._mode, is_closing = client_head(
            head, self.version, self.head, self._charged_lines, self.request_id, serving.gate.pseudonym
        )
        if is_closing:
            client.is_closing = True
        self._response_bytes = len(body)
        if body:
            block += b"%x\r\n%s\r\n" % (len(body), body) if self._mode == CHUNKED else body
        self._is_answered = True
        if is_complete:
            self._complete(block + self._last_chunk() if self._mode == CHUNKED else block)
        else:
            client.deadline = serving.clock + self.version.silence_s + 0.25
            client.transport.write(block)

    def on_content(self, body: bytes, *, is_complete: bool) -> None:
        """Send more of the body on."""
        if self.stepping is not None:
            stepped = self.stepping.on_content(body, is_complete=is_complete)
            if stepped is None:
                return
            body = stepped
        self._response_bytes += len(body)
        if self._mode == CHUNKED:
            body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + (self._last_chunk() if is_complete else b"")
        if is_complete:
            self._complete(body)
            return
        self.client.touch(self.version.silence_s)
        self.client.transport.write(body)

    def _last_chunk(self) -> bytes:
        """The end of an answer in chunks, with the upstream's trailer fields for who takes them."""
        if self.client.takes_trailers and self.upstream is not None and self.upstream.trailers:
            return b"0\r\n%s\r\n" % self.upstream.trailers
        return b"0\r\n\r\n"

    def on_failure(self, code: str, *, is_stale: bool) -> None:
        """Try again where that is safe; else say so, or cut the answer off where it stands."""
        self.upstream = None
        if is_stale and send_again(self):
            return
        self.serving.stats[UPSTREAM_ERRORS] += 1
        self.fail(Refusal(code))

    # Ends.

    def on_bug(self, error: Exception) -> None:
        """A fault of ours met the service's answer."""
        self.break_down(error, "upstream-invalid")

    def break_down(self, error: Exception, code: str) -> None:
        """After an exception that nobody expected: end this exchange, whatever state it is in."""
        logger.error("request %s failed", self.request_id.decode(), exc_info=error, extra=of_request(self.request_id))
        if not hasattr(self, "admission"):
            self.admission = Admission()  # it failed before anything was decided
        try:
            self.fail(Refusal(code, is_closing=True))
        finally:
            self.client.cut_off_broken(self)

    def expire(self) -> None:
        """The time to answer is over."""
        if self.attempts is not None:
            self.attempts.note_timeout()
        self.serving.stats[UPSTREAM_ERRORS] += 1
        self.fail(Refusal("upstream-timeout"))

    def abandon(self) -> None:
        """The client is gone."""
        if not self.is_over:
            self.is_over = True
            self._drop_upstream()
            self.serving.stats[ABORTED] += 1
            self._finish(self._status or 499, CLIENT_CLOSED)

    def fail(self, refusal: Refusal) -> None:
        """Refuse the request; cut the answer off where it has begun: another one would be read as a part of it."""
        if self.is_over:
            return
        self._drop_upstream()
        if not self._is_answered:
            self.refuse(refusal)
            return
        self.is_over = True
        self._finish(self._status, refusal.code)
        self.client.cut()  # only its abrupt end can tell that it is not whole

    def _drop_upstream(self) -> None:
        upstream, self.upstream = self.upstream, None
        if upstream is not None and upstream.receiver is not None and upstream.receiver in (self, self.attempts):
            upstream.close()
        if self.attempts is not None:
            self.attempts.give_up()

    def _complete(self, last: bytes) -> None:
        """Note the end, then release the last bytes: an answer that arrived whole has always been counted."""
        self.is_over = True
        self.upstream = None
        if not self.is_upload_complete:
            self.client.is_closing = True
        if self._finish(self._status, ""):
            self.client.complete(last)
        else:
            self.client.cut()

    def _answer_preflight(self, fields: tuple[bytes, ...]) -> None:
        lines = [b"HTTP/1.1 204 No Content", *fields, self.serving.date, b"X-Request-Id: " + self.request_id, b"\r\n"]
        self.is_over = True
        self._finish(204, "")
        self.client.complete(b"\r\n".join(lines))

    def refuse(self, refusal: Refusal) -> None:
        """Answer by ourselves."""
        client, admission = self.client, self.admission
        self.serving.tracing.note_refusal(self, refusal)
        is_closing = refusal.is_closing or not self.head.is_persistent or not self.is_upload_complete
        client.is_closing = client.is_closing or is_closing
        lines = [line for line in self._charged_lines.split(b"\r\n") if line]
        extra = (*refusal.fields, *lines, *cors_lines(admission.version, self.head))
        answer = Refusal(refusal.code, refusal.detail, extra, is_closing, refusal.status, refusal.members)
        block, self._response_bytes = refusal_answer(
            answer, self.request_id.decode(), self.serving.date, is_head=self.is_head, is_closing=is_closing
        )
        self.is_over = True
        self.serving.stats[REFUSED] += 1
        if self._finish(status_of(refusal), refusal.code):
            client.complete(block)
        else:
            client.cut()
