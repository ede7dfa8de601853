"""Attempts: the way of one request to its only target, where no idle connection was at hand.

Owns: connecting, what of the body waits meanwhile, sending once more what a stale connection lost.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gateway_sync.messages import NO_BODY, Refusal
from gateway_sync.runtime.core.forwarding import upstream_head
from gateway_sync.runtime.stats import RETRIES, UPSTREAM_OPENED

if TYPE_CHECKING:
    from gateway_sync.runtime.exchange import Exchange
    from gateway_sync.runtime.upstream import Receiver, UpstreamConnection

# RFC 9110 section 9.2.2: a request that may be sent twice without another effect.
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"})

STALE = "stale connection"


def send_head(exchange: Exchange, connection: UpstreamConnection) -> None:
    """Send the request's head, and what of its body came while there was no connection."""
    serving, client, attempts = exchange.serving, exchange.client, exchange.attempts
    exchange.upstream = connection
    connection.receiver = exchange if attempts is None else attempts.receiver
    head = exchange.head
    block = upstream_head(
        head,
        exchange.target,
        exchange.path,
        client.hop_lines(head.host),
        exchange.request_id,
        serving.tracing.lines(exchange) if serving.is_tracing or head.traceparent else b"",
        serving.gate.pseudonym,
    )
    pending = attempts.take_pending() if attempts is not None else b""
    exchange.sent_ns = time.time_ns()
    connection.transport.write(block + pending if pending else block)
    if client.is_write_paused:
        connection.transport.pause_reading()
    if not exchange.is_upload_complete and not connection.is_write_paused:
        client.pause_reading(is_paused=False)  # it was held back until there was somebody to send to


def send_again(exchange: Exchange) -> bool:
    """True when a request lost on a connection that had served before is on its way again, once."""
    attempts = exchange.attempts or Attempts(exchange)
    if not attempts.may_repeat():
        return False
    exchange.attempts = attempts
    attempts.repeat()
    return True


class Attempts:
    """The search for a connection to a target, for one exchange."""

    __slots__ = ("_exchange", "_is_repeated", "_pending", "dialed_ns", "is_trying")

    def __init__(self, exchange: Exchange) -> None:
        """Nothing waits yet."""
        self._exchange = exchange
        self._is_repeated = False
        self._pending: list[bytes] = []
        self.dialed_ns = 0  # when connecting began, 0 = there was a connection
        self.is_trying = True

    @property
    def receiver(self) -> Receiver:
        """Who is told the answer."""
        return self._exchange

    @property
    def arm_name(self) -> str:
        """The arm that the target is of."""
        return ""

    def keep(self, content: bytes, *, is_sent: bool) -> None:
        """Take a part of the body, as it goes on the wire; is_sent = there is a connection that gets it at once."""
        if not is_sent:
            self._pending.append(content)

    def take_pending(self) -> bytes:
        """The part of the body that a new connection must be given; it waits no more."""
        pending, self._pending = b"".join(self._pending), []
        return pending

    def note_timeout(self) -> None:
        """The time to answer is over."""

    def give_up(self) -> None:
        """The exchange ends without the rest of an answer."""

    def may_repeat(self) -> bool:
        """True when a request that got lost without an answer may be sent again, for the first time."""
        head = self._exchange.head
        return not self._is_repeated and head.body == NO_BODY and head.method in IDEMPOTENT

    def repeat(self) -> None:
        """Send the request again, over a fresh connection to the same target."""
        self._is_repeated = True
        self._exchange.serving.stats[RETRIES] += 1
        self._exchange.serving.tracing.note_retry(self._exchange, STALE)
        self.dial()

    def dial(self) -> None:
        """Connect to the exchange's target."""
        serving = self._exchange.serving
        pool = serving.pool_of(self._exchange.target)
        if pool.is_full():
            self._exchange.refuse(Refusal("overloaded", "Too many connections to the service.", (b"Retry-After: 1",)))
            return
        serving.stats[UPSTREAM_OPENED] += 1
        self.dialed_ns = time.time_ns()
        pool.dial(serving.rules, self._on_dialed)

    def _on_dialed(self, connection: UpstreamConnection | None) -> None:
        if self._exchange.is_over:
            if connection is not None:
                connection.pool.put_back(connection)
        elif connection is None:
            self._exchange.on_failure("upstream-unreachable", is_stale=False)
        else:
            connection.is_used = False
            send_head(self._exchange, connection)
