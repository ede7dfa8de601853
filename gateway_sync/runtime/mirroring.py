"""MirrorCall: a copy of one request to another service, whose answer is thrown away.

It has no part in the exchange: it is made when the request goes on, and sent when its body has come whole.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway_sync.messages import NO_BODY, FramingError, ResponseHead
from gateway_sync.runtime.core.forwarding import upstream_head
from gateway_sync.runtime.lending import loan_of

if TYPE_CHECKING:
    from gateway_sync.runtime.core.pools import UpstreamPool
    from gateway_sync.runtime.core.targets import TargetEntry
    from gateway_sync.runtime.exchange import Exchange
    from gateway_sync.runtime.upstream import UpstreamConnection
    from gateway_sync.upstreams.mirror import Mirror

logger = logging.getLogger(__name__)


class MirrorCall:
    """One copy. It is the Receiver of an answer that nobody sees."""

    __slots__ = ("_block", "_connection", "_is_over", "_loan", "_pool", "_serving", "_settings", "_target", "_timer",
                 "_wait_s", "answer_lines", "is_head", "is_upload_complete")  # fmt: skip

    def __init__(self, exchange: Exchange, pool: UpstreamPool, settings: Mirror, target: TargetEntry) -> None:
        """Sends at once what has no body; else `keep` brings it."""
        serving = exchange.serving
        self._pool, self._settings, self._target, self._serving = pool, settings, target, serving
        self.is_head = exchange.is_head
        self.answer_lines = exchange.version.answer_lines
        self.is_upload_complete = True
        self._wait_s = exchange.version.timeout_s
        self._loan = loan_of(exchange)
        self._is_over = False
        self._connection: UpstreamConnection | None = None
        self._timer: asyncio.TimerHandle | None = None
        pool.mirrored += 1
        head = exchange.head
        self._block = bytearray(
            upstream_head(
                head,
                target,
                exchange.path,
                exchange.client.hop_lines(head.host),
                exchange.request_id,
                serving.tracing.lines_of_copy(),
                serving.gate.pseudonym,
            )
        )
        if head.body == NO_BODY:
            self._send()

    def keep(self, content: bytes, *, is_complete: bool) -> None:
        """Take a part of the body; too large a one, or too much of others, ends the copy."""
        if self._is_over:
            return
        is_small = self._loan.size + len(content) <= self._settings.max_body_bytes
        if not is_small or not self._loan.grow(len(content)):
            self.end()
            return
        self._block += content
        if is_complete:
            self._send()

    def _send(self) -> None:
        serving = self._serving
        pool = serving.pool_of(self._target)
        self._timer = asyncio.get_running_loop().call_later(self._wait_s, self.end)
        connection = pool.take()
        if connection is not None:
            self._write(connection)
        elif pool.is_full():
            self.end()
        else:
            pool.dial(serving.rules, self._on_dialed)

    def _on_dialed(self, connection: UpstreamConnection | None) -> None:
        if connection is None:
            self.end()
        elif self._is_over:
            connection.pool.put_back(connection)
        else:
            self._write(connection)

    def _write(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        connection.receiver = self
        connection.transport.write(bytes(self._block))
        self._block = bytearray()

    def on_interim(self, status: int) -> None:
        """Nobody waits for it."""

    def on_switch(self, _upstream: UpstreamConnection, _head: ResponseHead, _block: bytes, _rest: bytes, /) -> None:
        """Errors: FramingError: there is nobody to turn over to."""
        raise FramingError("upstream-invalid", "A copy cannot become a tunnel.")

    def on_upload_paused(self, *, is_paused: bool) -> None:
        """The whole copy was written at once."""

    def on_answer(self, _head: ResponseHead, _body: bytes, *, is_complete: bool) -> None:
        """Thrown away."""
        if is_complete:
            self._finish()

    def on_content(self, _body: bytes, *, is_complete: bool) -> None:
        """Thrown away."""
        if is_complete:
            self._finish()

    def on_failure(self, _code: str, *, is_stale: bool) -> None:  # noqa: ARG002 - the interface of a Receiver
        """No copy is sent twice."""
        self._finish()

    def on_bug(self, error: Exception) -> None:
        """The copy ends."""
        logger.error("a copy of a request failed", exc_info=error)
        self.end()

    def end(self) -> None:
        """Stop, wherever it is."""
        connection = self._connection
        if connection is not None and connection.receiver is self:
            connection.close()
        self._finish()

    def _finish(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._connection = None
        self._block = bytearray()
        self._loan.end()
        self._pool.mirrored -= 1
        if self._timer is not None:
            self._timer.cancel()
