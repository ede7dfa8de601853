"""ClientConnection: one HTTP/1.1 connection from a caller, and its requests.

Owns: finding the messages on the wire, their time limits, backpressure towards the caller. Must not know: policies.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from gateway_sync.messages import CHUNKED, NO_BODY, FramingError, Refusal, RequestHead
from gateway_sync.runtime.core.chunked import ChunkedDecoder
from gateway_sync.runtime.core.hosts import TLSPeer
from gateway_sync.runtime.core.repetition import HeadReader
from gateway_sync.runtime.core.request_head import SHORT_BYTES, without_empty_lines
from gateway_sync.runtime.core.request_trailers import forwarded_trailers
from gateway_sync.runtime.edge_connection import EdgeConnection
from gateway_sync.runtime.exchange import Exchange
from gateway_sync.runtime.serving import Serving
from gateway_sync.runtime.shedding import ShedExchange
from gateway_sync.runtime.upgrade import UpgradeExchange

logger = logging.getLogger(__name__)

BODY_BYTES: Final = 4096  # of a body, either way, within the time that one step of it may take
MAX_AHEAD: Final = 65_536  # bytes of pipelined requests kept while one is served


class ClientConnection(EdgeConnection):
    """One connection; requests are served one after another, in order (RFC 9112 section 9.3.2)."""

    __slots__ = (
        "_decoder", "_exchange", "_heads", "_is_reading_ahead", "_left", "_progress", "stepped", "takes_trailers",
    )  # fmt: skip

    def __init__(self, serving: Serving) -> None:
        """Not connected yet."""
        super().__init__(serving)
        # What policies made of the last request: their rules, its caller, its field lines before and after.
        self.stepped: tuple[object, object, bytes, bytes] | None = None
        self.takes_trailers = False
        self._exchange: Exchange | None = None
        self._heads = HeadReader()
        self._decoder: ChunkedDecoder | None = None
        self._left = self._progress = 0
        self._is_reading_ahead = False

    def secure(self, peer: TLSPeer) -> None:
        """It is a connection of TLS, whose handshake told so much."""
        self.peer = peer
        self._heads.is_secure = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller connected."""
        self._serving.clients.add(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, of its body, or of requests that come ahead of their turn."""
        if self._is_lingering:
            return
        exchange = self._exchange
        if exchange is None:
            self._guarded_read_messages(self._buffer + data if self._buffer else data)
        elif exchange.is_upload_complete:
            self._buffer += data
            if len(self._buffer) > MAX_AHEAD:
                self.pause_reading(is_paused=True)
        else:
            self._progress += len(data)
            if self._progress >= BODY_BYTES:
                self._progress = 0
                self.deadline = self._serving.clock + self._serving.bounds.body_s
            self._guarded_read_body(exchange, data)

    def _guarded_read_messages(self, data: bytes) -> None:
        try:
            self._read_messages(data)
        except Exception as error:  # noqa: BLE001 - the edge of the process: a bug must cost one request
            self._fail_internally(error)

    def _read_messages(self, data: bytes) -> None:
        """Serve the requests in data, as far as each is answered at once and the caller takes the answers."""
        while data and self._exchange is None and not self._is_lingering:
            if self.is_write_paused:
                self._buffer = data
                self.pause_reading(is_paused=True)
                return
            if data[:2] == b"\r\n":
                data = without_empty_lines(data)
                if not data:
                    self._buffer = b""
                continue
            index = self._serving.gate.index
            try:
                head, rest = self._heads.read(data, index.fields)
            except FramingError as error:
                self._refuse_connection(error.refusal)
                return
            if head is None:
                self._wait_for_head(data)
                return
            self._buffer = b""
            if index.hosts is not None and not self._place(head, index.hosts):
                return
            if len(data) > SHORT_BYTES and len(data) - len(rest) > self._serving.bounds.head_bytes + 4:
                self._refuse_connection(Refusal("headers-too-large"))
                return
            exchange = self._exchange = self._make_exchange(head)
            if head.body == NO_BODY:
                self._buffer = rest
                exchange.start()
            else:
                self._start_body(exchange, rest)
            data = self._buffer

    def _make_exchange(self, head: RequestHead) -> Exchange:
        make = self._serving.exchange
        if make is Exchange and not head.upgrade:
            return Exchange(self, self._serving, head)  # by name: the compiled build need not look for what to call
        return (UpgradeExchange if head.upgrade and make is not ShedExchange else make)(self, self._serving, head)

    def _fail_internally(self, error: Exception) -> None:
        """Answer 500 where that is possible."""
        if self._exchange is not None:
            self._exchange.break_down(error, "internal-error")
        else:
            logger.error("a connection failed", exc_info=error)
            self._refuse_connection(Refusal("internal-error"))

    def _wait_for_head(self, data: bytes) -> None:
        if len(data) >= self._serving.bounds.head_bytes + 4:  # the end of the longest head would be there
            self._refuse_connection(Refusal("headers-too-large"))
        elif data.count(b"\n") != data.count(b"\r\n"):
            self._refuse_connection(Refusal("bad-request", "Lines end with CR LF."))
        else:
            if not self._buffer:
                self.deadline = self._serving.clock + self._serving.bounds.head_s
            self._buffer = data

    def _start_body(self, exchange: Exchange, rest: bytes) -> None:
        head = exchange.head
        self._decoder = ChunkedDecoder("bad-request") if head.body == CHUNKED else None
        self._left, self._progress = head.content_length, 0
        if self._decoder is None and len(rest) >= self._left:
            exchange.is_upload_complete = True  # the whole body is here: a refusal need not end the connection
            self._buffer = rest[self._left :]
            exchange.start()
            if self._exchange is exchange:
                exchange.upload(rest[: self._left], is_complete=True)
            return
        exchange.start()
        if self._exchange is not exchange:
            return
        if not exchange.is_waiting_to_send:  # the caller's turn, whatever time the version grants its upstream
            self.deadline = self._serving.clock + self._serving.bounds.body_s
        if head.expects_continue and not rest:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if rest:
            self._guarded_read_body(exchange, rest)

    def _guarded_read_body(self, exchange: Exchange, data: bytes) -> None:
        try:
            self._read_body(exchange, data)
        except FramingError as error:
            exchange.fail(error.refusal)
        except Exception as bug:  # noqa: BLE001 - as in _guarded_read_messages
            exchange.break_down(bug, "internal-error")  # a name of its own: as in UpstreamConnection

    def _read_body(self, exchange: Exchange, data: bytes) -> None:
        if self._decoder is not None:
            content = b"".join(self._decoder.feed(data))
            is_complete = self._decoder.is_complete
            self._buffer = self._decoder.rest if is_complete else b""
            if self._decoder.trailers and is_complete and exchange.stepping is None:
                fields = self._serving.gate.index.fields
                exchange.trailers = forwarded_trailers(self._decoder.trailers, fields)
        else:
            content = data[: self._left]
            self._left -= len(content)
            is_complete = self._left == 0
            self._buffer = data[len(content) :]
        exchange.upload(content, is_complete=is_complete)
        if is_complete and self._exchange is exchange and exchange.upstream is not None:
            self.touch(exchange.version.timeout_s)  # the service's turn
        elif self._exchange is exchange and exchange.is_waiting_to_send and not is_complete:
            self.pause_reading(is_paused=True)

    def pause_reading(self, *, is_paused: bool) -> None:
        """Stop or go on reading from the caller, whose turn it is again then; so it is when nothing was held back."""
        super().pause_reading(is_paused=is_paused)
        if not is_paused and self._exchange is not None and not self._exchange.is_upload_complete:
            self.deadline = self._serving.clock + self._serving.bounds.body_s

    def complete(self, last: bytes) -> None:
        """Send the last bytes of an answer and turn to the next request."""
        self._exchange = None
        self.transport.write(last)
        if self.is_closing or self._serving.is_draining:
            self._linger()
            return
        bounds = self._serving.bounds
        self.deadline = self._serving.clock + (bounds.body_s if self.is_write_paused else bounds.idle_s)
        if self._buffer or self._is_reading_paused:
            self._turn_to_next()

    def _turn_to_next(self) -> None:
        """Go on with the requests that came ahead, once the caller has taken the answers so far."""
        if self.is_write_paused:
            return
        self.pause_reading(is_paused=False)
        if self._buffer and not self._is_reading_ahead:
            self._is_reading_ahead = True
            asyncio.get_running_loop().call_soon(self._read_ahead)

    def _read_ahead(self) -> None:
        self._is_reading_ahead = False
        if self._exchange is None and not self.transport.is_closing():
            data, self._buffer = self._buffer, b""
            self._guarded_read_messages(data)

    def detach(self) -> bytes:
        """Give the transport away, to a tunnel; the bytes that came ahead."""
        self._serving.clients.discard(self)
        self._exchange = None
        data, self._buffer = self._buffer, b""
        return data

    def cut(self) -> None:
        """End the connection in the middle of an answer."""
        self._exchange = None
        self.transport.abort()

    def expire(self) -> None:
        """Nothing moved for too long."""
        exchange = self._exchange
        if exchange is None:
            if self._buffer and not self._is_lingering and not self.is_write_paused:
                self._buffer = b""
                self._refuse_connection(Refusal("bad-request", "The header did not arrive in time.", status=408))
            else:
                self.transport.abort()
        elif exchange.is_over:  # it is not, unless a bug kept it from being answered
            self.cut()
        elif self.is_write_paused or (not exchange.is_upload_complete and not exchange.is_waiting_to_send):
            exchange.abandon()  # the caller itself is too slow
            self.cut()
        else:
            exchange.expire()

    def cut_off_broken(self, exchange: Exchange) -> None:
        """A bug ended the exchange: end the connection, unless it was told so and has gone on."""
        if self._exchange is exchange:
            self.cut()

    @property
    def is_idle(self) -> bool:
        """True between two requests, or before the first."""
        return self._exchange is None and not self._buffer

    def drain(self) -> None:
        """Close when idle; else after the answer under way."""
        self.is_closing = True
        if self.is_idle:
            self.transport.close()

    def eof_received(self) -> bool:
        """The caller is done sending; it may still read (RFC 9112 section 9.6). True keeps the connection open."""
        exchange = self._exchange
        if exchange is None or not exchange.is_upload_complete:
            return False
        self.is_closing = True
        return True

    def connection_lost(self, _error: Exception | None) -> None:
        """Closed by either side."""
        self._serving.clients.discard(self)
        self._serving.leave(self.subject)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abandon()

    def pause_writing(self) -> None:
        """The caller reads slower than the answer comes."""
        self.is_write_paused = True
        self.deadline = self._serving.clock + self._serving.bounds.body_s
        if self._exchange is not None:
            self._exchange.pause_download(is_paused=True)

    def resume_writing(self) -> None:
        """The caller caught up."""
        self.is_write_paused = False
        if self._exchange is not None:
            self.deadline = self._serving.clock + self._serving.bounds.body_s
            self._exchange.pause_download(is_paused=False)
        elif not self._is_lingering:
            self.deadline = self._serving.clock + self._serving.bounds.idle_s
            self._turn_to_next()
