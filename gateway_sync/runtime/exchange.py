"""Exchange: one request and its answer, from the head to the last byte.

Maps the core's decisions to I/O: charges limits, notes usage, finds an upstream connection, streams both ways. It
decides nothing about policy itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gateway_sync.messages import CHUNKED, NO_BODY, Refusal, RequestHead, ResponseHead
from gateway_sync.runtime.core.admission import Charge, Grant, cell_key
from gateway_sync.runtime.core.forwarding import client_head, cors_lines, upstream_head
from gateway_sync.runtime.core.refusals import refusal_answer, status_of
from gateway_sync.runtime.core.response_head import AnswerLines
from gateway_sync.runtime.spool_format import CLIENT_CLOSED, CODE_NUMBERS
from gateway_sync.runtime.stats import ABORTED, REFUSED, RETRIES, UPSTREAM_ERRORS, UPSTREAM_OPENED, count_exchange

if TYPE_CHECKING:
    from gateway_sync.runtime.client import ClientConnection
    from gateway_sync.runtime.core.index import TargetEntry, VersionEntry
    from gateway_sync.runtime.core.limits import Charged
    from gateway_sync.runtime.serving import Serving
    from gateway_sync.runtime.upstream import UpstreamConnection

# RFC 9110 section 9.2.2: a request that may be sent twice without another effect.
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"})


class Exchange:
    """One request being served. It is the Receiver of the upstream's answer."""

    __slots__ = (
        "_admission", "_charged_lines", "_client", "_failed_targets", "_is_admitted", "_is_answered", "_is_over",
        "_is_retried", "_mode", "_number", "_path", "_pending", "_request_bytes", "_request_id", "_response_bytes",
        "_sent_ns", "_serving", "_started_ns", "_status", "_target", "_upstream", "_upstream_us", "_version",
        "answer_lines", "head", "is_head", "is_upload_complete",
    )  # fmt: skip

    answer_lines: AnswerLines

    def __init__(self, client: ClientConnection, serving: Serving, head: RequestHead) -> None:
        """Nothing is decided yet; `start` does."""
        self._client = client
        self._serving = serving
        self.head = head
        self.is_head = head.method == b"HEAD"
        self.is_upload_complete = head.body == NO_BODY
        self._started_ns = time.time_ns()
        serving.spool.number += 1
        self._number = serving.spool.number
        self._request_id = b"%s-%08x" % (serving.boot, self._number)
        self._upstream: UpstreamConnection | None = None
        self._pending: list[bytes] | None = None
        self._is_admitted = self._is_answered = self._is_over = self._is_retried = False
        self._request_bytes = self._response_bytes = self._sent_ns = self._upstream_us = self._status = 0
        self._charged_lines = b""
        self._failed_targets: tuple[TargetEntry, ...] = ()

    def start(self) -> None:
        """Decide, and send the request on its way or refuse it."""
        serving, head = self._serving, self.head
        now_ns = self._started_ns
        admission = self._admission = serving.gate.admit(head, self._client.address, now_ns)
        refusal, grant, version = admission.refusal, admission.grant, admission.version
        if refusal is None and grant is not None and version is not None:
            refusal = self._charge(grant, now_ns) if grant.charges or grant.by_address else None
            if refusal is None and 0 <= version.max_body_bytes < head.content_length:
                refusal = Refusal("body-too-large", f"The limit is {version.max_body_bytes} bytes.")
            if refusal is None and not self._note(grant, now_ns):
                refusal = Refusal("overloaded", "Usage cannot be noted now.", (b"Retry-After: 5",))
            if refusal is None:
                self._dispatch(version)
                return
        if admission.preflight is not None:
            self._answer_preflight(admission.preflight)
        else:
            self._refuse(refusal or Refusal("internal-error"))

    def _charge(self, grant: Grant, now_ns: int) -> Refusal | None:
        charges: list[Charge] = grant.charges
        if grant.by_address:
            charges = [
                *charges,
                *((cell_key(f"{name}:{self._client.address}"), terms) for name, terms in grant.by_address),
            ]
        charged: Charged | None = self._serving.limits.charge(charges, now_ns)
        if charged is None:
            return Refusal("overloaded", "No room to count this caller's limits.", (b"Retry-After: 5",))
        code, wait_s, self._charged_lines = charged
        return Refusal(code, fields=(b"Retry-After: %d" % wait_s,)) if code else None

    def _note(self, grant: Grant, now_ns: int) -> bool:
        """Note the exchange in the spool before anything of it leaves this process."""
        self._is_admitted = self._serving.spool.admit(
            self._number, now_ns // 1000, self.head.request_id, self._admission.path, grant.context
        )
        return self._is_admitted

    def _dispatch(self, version: VersionEntry) -> None:
        if not version.schedule:
            self._refuse(Refusal("no-healthy-target"))
            return
        self._version = version
        self.answer_lines = version.answer_lines
        self._client.deadline = self._serving.clock + version.timeout_s + 0.25
        target = self._target = version.schedule[0] if len(version.schedule) == 1 else version.next_target()
        self._path = self._admission.path[len(version.prefix) :] or b"/"
        connection = self._serving.pool_of(target).take()
        if connection is not None:
            self._send_head(connection)
        else:
            if self._serving.pool_of(self._target).is_failing:
                reachable = (target for target in version.schedule if not self._serving.pool_of(target).is_failing)
                self._target = next(reachable, self._target)
            self._dial(self._target)

    def _dial(self, target: TargetEntry) -> None:
        if self._pending is None:
            self._pending = []
        pool = self._serving.pool_of(target)
        if pool.is_full():
            self._refuse(Refusal("overloaded", "Too many connections to the service.", (b"Retry-After: 1",)))
            return
        self._serving.stats[UPSTREAM_OPENED] += 1
        pool.dial(self._serving.rules, self._on_dialed)

    def _on_dialed(self, connection: UpstreamConnection | None) -> None:
        if self._is_over:
            if connection is not None:
                connection.pool.put_back(connection)
        elif connection is None:
            self._try_another()
        else:
            connection.is_used = False
            self._send_head(connection)

    def _try_another(self) -> None:
        """Connecting failed, so nothing was sent: each other target may be tried, once."""
        self._failed_targets = (*self._failed_targets, self._target)
        for target in self._version.schedule:
            if target not in self._failed_targets:
                self._target = target
                self._serving.stats[RETRIES] += 1
                self._dial(target)
                return
        self.on_failure("upstream-unreachable", is_stale=False)

    def _send_head(self, connection: UpstreamConnection) -> None:
        serving, client, head = self._serving, self._client, self.head
        self._upstream = connection
        connection.receiver = self
        block = upstream_head(
            head,
            self._target,
            self._path,
            client.hop_lines(head.host),
            self._request_id,
            serving.fresh_traceparent(),
            serving.gate.pseudonym,
        )
        pending, self._pending = self._pending, None
        if pending:
            block += b"".join(pending)
        self._sent_ns = time.time_ns()
        connection.transport.write(block)
        if client.is_write_paused:
            connection.transport.pause_reading()
        if pending and not self.is_upload_complete and not connection.is_write_paused:
            client.pause_reading(is_paused=False)  # it was held back until there was somebody to send to

    # The request's body, fed by the client connection.

    def upload(self, content: bytes, *, is_complete: bool) -> None:
        """Send more of the request's body on; content is without the chunked coding."""
        self.is_upload_complete = is_complete
        self._request_bytes += len(content)
        if self._is_over:
            return
        limit = self._version.max_body_bytes
        if 0 <= limit < self._request_bytes:
            self._fail(Refusal("body-too-large", f"The limit is {limit} bytes.", is_closing=True))
            return
        if self.head.body == CHUNKED:
            content = (b"%x\r\n%s\r\n" % (len(content), content) if content else b"") + (
                b"0\r\n\r\n" if is_complete else b""
            )
        if not content:
            return
        if self._upstream is not None:
            self._upstream.transport.write(content)
        elif self._pending is not None:
            self._pending.append(content)

    @property
    def is_waiting_to_send(self) -> bool:
        """True while the upstream takes no more of the body: not connected yet, or slower than the client."""
        return self._pending is not None or (self._upstream is not None and self._upstream.is_write_paused)

    def on_upload_paused(self, *, is_paused: bool) -> None:
        """The upstream reads slower than the client sends, or caught up."""
        self._client.pause_reading(is_paused=is_paused)

    def pause_download(self, *, is_paused: bool) -> None:
        """The client reads slower than the upstream sends, or caught up."""
        if self._upstream is not None:
            if is_paused:
                self._upstream.transport.pause_reading()
            else:
                self._upstream.transport.resume_reading()

    # The answer, told by the upstream connection.

    def on_interim(self, status: int) -> None:
        """Informational answers end here: 100 was given by the gateway itself, the others are not needed by anyone."""

    def on_answer(self, head: ResponseHead, body: bytes, *, is_complete: bool) -> None:
        """Send the head on, and what came with it."""
        self._upstream_us = (time.time_ns() - self._sent_ns) // 1000
        self._status = head.status
        self._is_answered = True
        serving, client = self._serving, self._client
        if is_complete and not self.is_upload_complete:
            self.head.is_persistent = False  # the rest of the body will not be read (RFC 9112 section 9.3)
        block, self._mode, is_closing = client_head(
            head, self._version, self.head, self._charged_lines, self._request_id, serving.gate.pseudonym
        )
        if is_closing:
            client.is_closing = True
        self._response_bytes = len(body)
        if body:
            block += b"%x\r\n%s\r\n" % (len(body), body) if self._mode == CHUNKED else body
        if is_complete:
            self._complete(block + b"0\r\n\r\n" if self._mode == CHUNKED else block)
        else:
            client.deadline = serving.clock + self._version.timeout_s + 0.25
            client.transport.write(block)

    def on_content(self, body: bytes, *, is_complete: bool) -> None:
        """Send more of the body on."""
        self._response_bytes += len(body)
        if self._mode == CHUNKED:
            body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + (b"0\r\n\r\n" if is_complete else b"")
        if is_complete:
            self._complete(body)
            return
        self._client.touch(self._version.timeout_s)
        self._client.transport.write(body)

    def on_failure(self, code: str, *, is_stale: bool) -> None:
        """Try again where that is safe; else say so, or cut the answer off where it stands."""
        self._upstream = None
        if is_stale and not self._is_retried and self.head.body == NO_BODY and self.head.method in _IDEMPOTENT:
            self._is_retried = True
            self._serving.stats[RETRIES] += 1
            self._dial(self._target)
            return
        self._serving.stats[UPSTREAM_ERRORS] += 1
        self._fail(Refusal(code))

    # Ends.

    def expire(self) -> None:
        """The time to answer is over."""
        self._serving.stats[UPSTREAM_ERRORS] += 1
        self._fail(Refusal("upstream-timeout"))

    def abandon(self) -> None:
        """The client is gone."""
        if not self._is_over:
            self._is_over = True
            self._drop_upstream()
            self._serving.stats[ABORTED] += 1
            self._finish(self._status or 499, CLIENT_CLOSED)

    def _fail(self, refusal: Refusal) -> None:
        if self._is_over:
            return
        self._drop_upstream()
        if not self._is_answered:
            self._refuse(refusal)
            return
        self._is_over = True
        self._finish(self._status, refusal.code)
        self._client.cut()  # the answer had begun; only its abrupt end can tell that it is not whole

    def _drop_upstream(self) -> None:
        upstream, self._upstream = self._upstream, None
        self._pending = None
        if upstream is not None and upstream.receiver is self:
            upstream.close()

    def _complete(self, last: bytes) -> None:
        """Note the end, then release the last bytes: an answer that arrived whole has always been counted."""
        self._is_over = True
        self._upstream = None
        if not self.is_upload_complete:
            self._client.is_closing = True
        if self._finish(self._status, ""):
            self._client.complete(last)
        else:
            self._client.cut()

    def _answer_preflight(self, fields: tuple[bytes, ...]) -> None:
        lines = [b"HTTP/1.1 204 No Content", *fields, self._serving.date, b"X-Request-Id: " + self._request_id, b"\r\n"]
        self._is_over = True
        self._finish(204, "")
        self._client.complete(b"\r\n".join(lines))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer by ourselves."""
        client, admission = self._client, self._admission
        is_closing = refusal.is_closing or not self.head.is_persistent or not self.is_upload_complete
        client.is_closing = client.is_closing or is_closing
        lines = [line for line in self._charged_lines.split(b"\r\n") if line]
        extra = (*refusal.fields, *lines, *cors_lines(admission.version, self.head))
        answer = Refusal(refusal.code, refusal.detail, extra, is_closing, refusal.status)
        block, self._response_bytes = refusal_answer(
            answer, self._request_id.decode(), self._serving.date, is_head=self.is_head, is_closing=is_closing
        )
        self._is_over = True
        self._serving.stats[REFUSED] += 1
        if self._finish(status_of(refusal), refusal.code):
            client.complete(block)
        else:
            client.cut()

    def _finish(self, status: int, code: str) -> bool:
        """Count the exchange; False when its usage could not be noted."""
        serving = self._serving
        duration_us = max(0, (time.time_ns() - self._started_ns) // 1000)
        count_exchange(serving.stats, status, duration_us, self._request_bytes, self._response_bytes)
        admission = self._admission
        is_noted = self._is_admitted or (admission.grant is not None and self._note(admission.grant, self._started_ns))
        if not is_noted:  # nobody's, or a refusal while the spool is full: it was never sent on, so nobody is billed
            serving.count_anonymous(admission.route.id if admission.route else "", admission.version, status, code)
            return True
        return serving.spool.finish(
            self._number,
            status,
            CODE_NUMBERS[code],
            duration_us,
            self._upstream_us,
            self._request_bytes,
            self._response_bytes,
        )
