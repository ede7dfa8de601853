"""EdgeConnection: a caller's connection beside its requests: who it is, whether it is let in, how it is closed.

Owns: what the edge refuses before there is an exchange. Must not know: how requests are read.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from gateway_sync.messages import Refusal, RequestHead
from gateway_sync.runtime.bounds import SHED
from gateway_sync.runtime.core.forwarding import forwarded_lines
from gateway_sync.runtime.core.hosts import HostTable, TLSPeer, place
from gateway_sync.runtime.core.refusals import plain_answer, refusal_answer, status_of
from gateway_sync.runtime.spool_format import request_id_of
from gateway_sync.runtime.stats import (
    CONNECTIONS_OPENED,
    REFUSED,
    REQUESTS,
    STATUS_CLASS,
)

if TYPE_CHECKING:
    from gateway_sync.runtime.serving import Serving

LINGER_S: Final = 2.0
_ANSWERED: Final = 200


class EdgeConnection:
    """One connection, as far as it is that of any caller.

    An asyncio.Protocol by its methods; a compiled class cannot have a base that is not compiled.
    """

    __slots__ = (
        "_buffer", "_hop_host", "_hop_lines", "_is_lingering", "_is_reading_paused", "_serving", "address", "deadline",
        "host_lines", "is_closing", "is_write_paused", "peer", "subject", "transport",
    )  # fmt: skip

    def __init__(self, serving: Serving) -> None:
        """Not connected yet."""
        self._serving = serving
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before anything else is called
        self.address = ""
        self.subject = ""
        self.deadline = 0.0
        self.is_closing = False
        self.is_write_paused = False
        self.peer: TLSPeer | None = None
        self.host_lines = b""
        self._buffer = b""
        self._hop_host: bytes | None = None
        self._hop_lines = b""
        self._is_lingering = False
        self._is_reading_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller connected, and was added to those of the worker."""
        self.transport = transport  # type: ignore[assignment]  # a stream protocol gets a Transport
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]).partition("%")[0] if peer else ""
        self.deadline = self._serving.clock + self._serving.bounds.head_s
        self._serving.stats[CONNECTIONS_OPENED] += 1
        beyond = len(self._serving.clients) - self._serving.max_clients
        most = self._serving.bounds.connections_per_address
        if most:
            self.subject, count = self._serving.addresses.add(self.address)
            beyond = max(beyond, count - most)
        if beyond > SHED:
            self.transport.abort()
        elif beyond > 0:
            self._refuse_connection(Refusal("overloaded", "Too many connections.", (b"Retry-After: 1",)))

    def hop_lines(self, host: bytes) -> bytes:
        """What the upstream is told about this hop; made once for each host on the connection."""
        if host != self._hop_host:
            self._hop_host = host
            peer = self.peer
            port = self._serving.port if peer is None else self._serving.tls_port
            self._hop_lines = forwarded_lines(self.address, host, port, is_tls=peer is not None)
            if peer is not None:
                self._hop_lines += peer.identity_line()
        return self._hop_lines

    def _place(self, head: RequestHead, table: HostTable) -> bool:
        """True when the name that the caller used lets the request go on; else it is refused."""
        peer = self.peer
        if table.is_challenged and peer is None and (content := table.challenge_answer(head)) is not None:
            self._answer_and_close(
                plain_answer(content, self._serving.date, is_head=head.method == b"HEAD"), _ANSWERED, ""
            )
            return False
        was_vouched = peer is not None and peer.is_vouched
        refusal, self.host_lines = place(table, head, peer, self._serving.tls_port)
        if peer is not None and peer.is_vouched != was_vouched:
            self._hop_host = None
        if refusal is not None:
            self._refuse_connection(refusal, is_head=head.method == b"HEAD")
        return refusal is None

    def pause_reading(self, *, is_paused: bool) -> None:
        """Stop or go on reading from the caller."""
        if is_paused != self._is_reading_paused and not self.transport.is_closing():
            self._is_reading_paused = is_paused
            if is_paused:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def touch(self, timeout_s: float) -> None:
        """Something of the answer moved; a caller that does not read gets no more time than for a step of a body."""
        wait_s = self._serving.bounds.body_s if self.is_write_paused else timeout_s + 0.25
        self.deadline = self._serving.clock + wait_s

    def _refuse_connection(self, refusal: Refusal, *, is_head: bool = False) -> None:
        """Answer bytes that are no request, and close."""
        serving = self._serving
        serving.spool.number += 1
        request_id = request_id_of(serving.boot.decode(), serving.spool.number)
        block, _ = refusal_answer(refusal, request_id, serving.date, is_head=is_head, is_closing=True)
        serving.stats[REFUSED] += 1
        status = status_of(refusal)
        serving.tracing.note_unread(request_id, refusal, status, serving.gate.index.revision)
        self._answer_and_close(block, status, refusal.code)

    def _answer_and_close(self, block: bytes, status: int, code: str) -> None:
        serving = self._serving
        serving.stats[REQUESTS] += 1
        serving.stats[STATUS_CLASS + status // 100] += 1
        serving.count_anonymous("", None, status, code)
        self.transport.write(block)
        self._linger()

    def _linger(self) -> None:
        """Close so that the answer is not lost: a reset for unread bytes would destroy it (RFC 9112 section 9.6)."""
        self._buffer = b""
        self._is_lingering = True
        self.deadline = self._serving.clock + LINGER_S
        if self.transport.is_closing():
            return
        self.pause_reading(is_paused=False)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()  # TLS: its own end is told and waited for
