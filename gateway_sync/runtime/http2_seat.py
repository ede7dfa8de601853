"""Seat: a place on a connection of HTTP/2 to a service, for one call after another; an UpstreamConnection's transport.

Owns: the translation between what an UpstreamConnection writes and reads, and a stream. Must not know: frames.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from h2 import events as h2_events
from h2.errors import ErrorCodes
from h2.exceptions import H2Error

from gateway_sync.messages import FramingError
from gateway_sync.runtime.core.chunked import ChunkedDecoder
from gateway_sync.runtime.core.http2_heads import HeadRefused
from gateway_sync.runtime.core.http2_upstream_heads import incoming_head, outgoing_head, trailer_fields, trailer_lines

if TYPE_CHECKING:
    from gateway_sync.runtime.http2_upstream import HTTP2Upstream
    from gateway_sync.runtime.upstream import UpstreamConnection

logger = logging.getLogger(__name__)

HIGH_BYTES = 65_536  # of a request's body that wait for the service's window
LOW_BYTES = 16_384


class Seat:
    """A place for one call after another; the transport of an UpstreamConnection."""

    def __init__(self, carrier: HTTP2Upstream, connection: UpstreamConnection) -> None:
        """No call yet."""
        self._carrier = carrier
        self._connection = connection
        self.number = 0  # of the stream of the call under way, 0 = none
        self.output = bytearray()
        self.trailers: list[tuple[bytes, bytes]] = []  # of the request
        self.is_body_whole = self.is_end_sent = False
        self._is_closed = self._is_paused = self._is_reading_paused = self._is_head_method = False
        self._is_chunked = self._is_spent = False
        self._awaited = 0
        self._last = b""  # of an answer: what would end it, kept until the stream has ended
        self._buffer = b""
        self._decoder: ChunkedDecoder | None = None
        self._left = 0
        self._trailers = b""
        self._unacknowledged = 0
        carrier.seats.add(self)

    # What the UpstreamConnection writes.

    def write(self, data: bytes) -> None:
        """A request as HTTP/1.1 writes it, or more of one."""
        if self._is_closed:
            return
        if not self.number:
            block, end, data = (self._buffer + data).partition(b"\r\n\r\n")
            if not end:
                self._buffer = block
                return
            self._buffer = b""
            if not self._begin(block):
                return
        if data and not self.is_body_whole:
            self._write_body(data)
        if not self.is_end_sent:
            self._carrier.flush(self)

    def _begin(self, block: bytes) -> bool:
        head = outgoing_head(block, self._carrier.scheme)
        is_bodiless = not head.is_chunked and head.content_length <= 0
        self._decoder = ChunkedDecoder("bad-request") if head.is_chunked else None
        self._left = max(0, head.content_length)
        self._is_head_method = head.is_head_method
        self.is_body_whole = self.is_end_sent = is_bodiless
        self._trailers = b""
        self.trailers = []
        try:
            self.number = self._carrier.begin(self, head.fields, is_end=is_bodiless)
        except H2Error:
            asyncio.get_running_loop().call_soon(self.lose)
            return False
        return True

    def _write_body(self, data: bytes) -> None:
        if self._decoder is None:
            self.output += data[: self._left]
            self._left -= len(data[: self._left])
            self.is_body_whole = not self._left
            return
        for piece in self._decoder.feed(data):
            self.output += piece
        self.is_body_whole = self._decoder.is_complete
        self.trailers = trailer_fields(self._decoder.trailers)

    def regulate(self) -> None:
        """Hold the caller back while the service takes less than comes."""
        size = len(self.output)
        if self._is_paused:
            if size <= LOW_BYTES:
                self._is_paused = False
                self._connection.resume_writing()
        elif size > HIGH_BYTES:
            self._is_paused = True
            self._connection.pause_writing()

    # What the service answers.

    def take(self, event: h2_events.Event) -> None:
        """An event of the stream. Errors: HeadRefused."""
        match event:
            case h2_events.ResponseReceived():
                self._take_head(event)
            case h2_events.DataReceived():
                self._take_data(event.data or b"", event.flow_controlled_length or 0)
            case h2_events.TrailersReceived():
                self._trailers = trailer_lines([(bytes(name), bytes(value)) for name, value in event.headers or ()])
            case h2_events.StreamEnded():
                self._end_answer()
            case h2_events.StreamReset():
                self.lose()

    def _take_head(self, event: h2_events.ResponseReceived) -> None:
        fields = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
        is_end = event.stream_ended is not None
        head = incoming_head(fields, is_end=is_end, is_head_method=self._is_head_method)
        self._is_chunked, self._awaited = head.is_chunked, head.content_length
        if head.content_length:
            self._feed(head.block)
        else:
            self._last = head.block

    def _take_data(self, content: bytes, size: int) -> None:
        number = self.number
        if self._is_chunked and content:
            self._feed(b"%x\r\n%s\r\n" % (len(content), content))
        elif content:
            self._awaited -= len(content)
            if self._awaited < 0:  # after a status that has none, the library lets content pass
                self._carrier.h2.acknowledge_received_data(size, number)
                raise HeadRefused("more content than there may be")
            if self._awaited:
                self._feed(content)
            else:
                self._last += content
        if self._is_reading_paused and self.number == number:
            self._unacknowledged += size
        elif size:
            self._carrier.h2.acknowledge_received_data(size, number)

    def _end_answer(self) -> None:
        """The answer is whole, and not before told so: then the seat may be given the next call at once."""
        number, self.number = self.number, 0
        size, self._unacknowledged = self._unacknowledged, 0
        if size:
            self._carrier.h2.acknowledge_received_data(size, number)
        self._carrier.end(number)
        last, self._last = self._last, b""
        if self._is_chunked:
            last = b"0\r\n%s\r\n" % self._trailers
        self._is_spent = not self.is_end_sent
        if self._is_spent:  # it answered before the request was whole: what is left of it goes nowhere
            self.output.clear()
            self._carrier.h2.reset_stream(number, ErrorCodes.CANCEL)
        self._feed(last)
        if self._is_spent:
            self.abort()

    def _feed(self, data: bytes) -> None:
        if not self._is_closed:
            try:
                self._connection.data_received(data)
            except FramingError:
                self.abort()

    def break_off(self, code: ErrorCodes) -> None:
        """Give the call up because of what the service sent."""
        self._drop_stream(code)
        if self._connection.receiver is not None:
            self._connection.fail("upstream-invalid")

    def break_down(self, error: Exception) -> None:
        """A bug met the call: it ends. Errors: none."""
        receiver = self._connection.receiver
        try:
            self._drop_stream(ErrorCodes.INTERNAL_ERROR)
            if receiver is not None:
                self._connection.break_down(receiver, error)
            else:
                logger.error("a call of a shared connection failed", exc_info=error)
                self._connection.close()
        except Exception:  # as in HTTP2Upstream: the others of the connection have no part in it
            logger.exception("a call of a shared connection could not be ended")

    def _drop_stream(self, code: ErrorCodes) -> None:
        with suppress(H2Error):  # the connection may have ended
            self.resume_reading()
        number, self.number = self.number, 0
        if number:
            self._carrier.end(number)
            with suppress(H2Error):  # closed already
                self._carrier.h2.reset_stream(number, code)

    def lose(self) -> None:
        """The stream, or the connection, is gone."""
        if not self._is_closed:
            self._is_closed = True
            with suppress(H2Error):  # the connection may have ended
                self.resume_reading()
            self._carrier.end(self.number)
            self.output.clear()
            self._carrier.leave_seat(self)
            self._connection.connection_lost(ConnectionResetError() if self.number else None)

    # The rest of a transport.

    def is_closing(self) -> bool:
        """True when no further call can begin here."""
        return self._is_closed or self._is_spent or (not self.number and self._carrier.is_gone)

    def abort(self) -> None:
        """Give up the call under way, if any, and the seat."""
        if self._is_closed:
            return
        self._is_closed = True
        self.output.clear()
        if self.number:
            self._carrier.end(self.number)
            try:
                self.resume_reading()  # what was held back took of the connection's window, which other calls need
                self._carrier.h2.reset_stream(self.number, ErrorCodes.CANCEL)
            except H2Error:
                logger.debug("the stream was closed already")
            self._carrier.send()
        self._carrier.leave_seat(self)

    def close(self) -> None:
        """As abort: there is no half of a stream."""
        self.abort()

    def pause_reading(self) -> None:
        """Let the service's window run out."""
        self._is_reading_paused = True

    def resume_reading(self) -> None:
        """Let the service send on."""
        self._is_reading_paused = False
        size, self._unacknowledged = self._unacknowledged, 0
        if size and self.number:
            self._carrier.h2.acknowledge_received_data(size, self.number)
            self._carrier.send()

    def get_extra_info(self, name: str) -> object:
        """That of the connection."""
        return self._carrier.transport.get_extra_info(name)

    def as_transport(self) -> asyncio.Transport:
        """Itself, under the type that UpstreamConnection knows."""
        return cast("asyncio.Transport", self)
