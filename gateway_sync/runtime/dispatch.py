"""Dispatch: from an admitted request to its head on a connection to a target.

Owns: which target, connecting to it, trying another, sending once more what a stale connection lost. A request that
finds an idle connection makes no Attempts: they begin where the first way did not lead to a target.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gateway_sync.messages import NO_BODY, Refusal
from gateway_sync.runtime.core.forwarding import upstream_head
from gateway_sync.runtime.stats import RETRIES, UPSTREAM_OPENED

if TYPE_CHECKING:
    from gateway_sync.runtime.core.index import TargetEntry, VersionEntry
    from gateway_sync.runtime.exchange import Exchange
    from gateway_sync.runtime.upstream import UpstreamConnection

# RFC 9110 section 9.2.2: a request that may be sent twice without another effect.
_IDEMPOTENT = frozenset({b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"TRACE"})


def dispatch(exchange: Exchange, version: VersionEntry) -> None:
    """Send the request to a target of the version, or refuse it."""
    if not version.schedule:
        exchange.refuse(Refusal("no-healthy-target"))
        return
    serving = exchange.serving
    exchange.version = version
    exchange.answer_lines = version.answer_lines
    exchange.client.deadline = serving.clock + version.timeout_s + 0.25
    target = version.schedule[0] if len(version.schedule) == 1 else version.next_target()
    exchange.target = target
    exchange.path = exchange.admission.path[len(version.prefix) :] or b"/"
    connection = serving.pool_of(target).take()
    if connection is not None:
        send_head(exchange, connection)
    else:
        exchange.attempts = Attempts(exchange)
        exchange.attempts.dial_reachable()


def send_head(exchange: Exchange, connection: UpstreamConnection) -> None:
    """Send the request's head, and what of its body came while there was no connection."""
    serving, client = exchange.serving, exchange.client
    exchange.upstream = connection
    connection.receiver = exchange
    head = exchange.head
    block = upstream_head(
        head,
        exchange.target,
        exchange.path,
        client.hop_lines(head.host),
        exchange.request_id,
        serving.fresh_traceparent(),
        serving.gate.pseudonym,
    )
    pending = exchange.attempts.take_pending() if exchange.attempts is not None else b""
    exchange.sent_ns = time.time_ns()
    connection.transport.write(block + pending if pending else block)
    if client.is_write_paused:
        connection.transport.pause_reading()
    if not exchange.is_upload_complete and not connection.is_write_paused:
        client.pause_reading(is_paused=False)  # it was held back until there was somebody to send to


def send_again(exchange: Exchange) -> bool:
    """True when a request lost on a connection that had served before is on its way again, once."""
    attempts = exchange.attempts or Attempts(exchange)
    if attempts.is_repeated or exchange.head.body != NO_BODY or exchange.head.method not in _IDEMPOTENT:
        return False
    exchange.attempts = attempts
    attempts.is_repeated = True
    exchange.serving.stats[RETRIES] += 1
    attempts.dial()
    return True


class Attempts:
    """The search for a connection to a target, for one exchange."""

    __slots__ = ("_exchange", "_failed", "is_repeated", "pending")

    def __init__(self, exchange: Exchange) -> None:
        """pending is what of the body came meanwhile, as it will be sent."""
        self._exchange = exchange
        self._failed: tuple[TargetEntry, ...] = ()
        self.is_repeated = False
        self.pending: list[bytes] = []

    def take_pending(self) -> bytes:
        """The part of the body that waited; it waits no more."""
        pending, self.pending = b"".join(self.pending), []
        return pending

    def dial_reachable(self) -> None:
        """Connect to the chosen target, or to one that answered when the chosen one did not a moment ago."""
        exchange = self._exchange
        pool_of = exchange.serving.pool_of
        if pool_of(exchange.target).is_failing:
            reachable = (target for target in exchange.version.schedule if not pool_of(target).is_failing)
            exchange.target = next(reachable, exchange.target)
        self.dial()

    def dial(self) -> None:
        """Connect to the exchange's target."""
        serving = self._exchange.serving
        pool = serving.pool_of(self._exchange.target)
        if pool.is_full():
            self._exchange.refuse(Refusal("overloaded", "Too many connections to the service.", (b"Retry-After: 1",)))
            return
        serving.stats[UPSTREAM_OPENED] += 1
        pool.dial(serving.rules, self._on_dialed)

    def _on_dialed(self, connection: UpstreamConnection | None) -> None:
        if self._exchange.is_over:
            if connection is not None:
                connection.pool.put_back(connection)
        elif connection is None:
            self._try_another()
        else:
            connection.is_used = False
            send_head(self._exchange, connection)

    def _try_another(self) -> None:
        """Connecting failed, so nothing was sent: each other target may be tried, once."""
        exchange = self._exchange
        self._failed = (*self._failed, exchange.target)
        for target in exchange.version.schedule:
            if target not in self._failed:
                exchange.target = target
                exchange.serving.stats[RETRIES] += 1
                self.dial()
                return
        exchange.on_failure("upstream-unreachable", is_stale=False)
