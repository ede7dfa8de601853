"""Stream: one request of an HTTP/2 connection, served by the same ClientConnection as any request of HTTP/1.1.

To the ClientConnection it is a transport: what comes on the stream is fed to it as HTTP/1.1, and what it writes is read
back and goes out on the stream. Owns: that translation and its buffers. Must not know: frames, policies.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Protocol, cast

from h2.exceptions import H2Error

from gateway_sync.runtime.client import ClientConnection
from gateway_sync.runtime.core.chunked import ChunkedDecoder
from gateway_sync.runtime.core.http2_heads import AnswerHead, Fields, Translated, answer_head
from gateway_sync.runtime.core.http2_upstream_heads import trailer_fields
from gateway_sync.runtime.http2_unsent import Unsent

HIGH_BYTES = 65_536  # of an answer that wait for the caller's window, before the upstream is held back
LOW_BYTES = 16_384
_BODILESS = (204, 304)


class Carrier(Protocol):
    """The connection that a stream is part of."""

    transport: asyncio.Transport
    unsent: Unsent

    def send_head(self, stream: Stream, fields: Fields, *, is_end: bool) -> None:
        """Send a header section."""

    def flush(self, stream: Stream) -> None:
        """Send of the stream's output what the windows allow."""

    def acknowledge(self, stream: Stream, size: int) -> None:
        """Let the caller send so many bytes more."""

    def cut(self, stream: Stream) -> None:
        """Tell the caller that the answer ends here, unfinished."""

    def forget(self, stream: Stream) -> None:
        """The stream is over."""


class Stream:
    """One request and its answer; a transport to its ClientConnection."""

    __slots__ = (
        "_answer", "_buffer", "_carrier", "_decoder", "_is_chunked", "_is_closing", "_is_head_method", "_is_paused",
        "_is_reading_paused", "_left", "_unacknowledged", "client", "counted", "id", "is_answered", "is_end_sent",
        "is_request_ended", "output", "progress", "request_trailers", "trailers", "waits_since",
    )  # fmt: skip

    def __init__(self, carrier: Carrier, number: int, client: ClientConnection, translated: Translated) -> None:
        """Nothing is fed to the client yet."""
        self._carrier = carrier
        self.id = number
        self.client = client
        self.output = bytearray()
        self.counted = self.progress = 0  # of output: what is counted as waiting, what went out since waits_since
        self.waits_since = 0.0  # 0 = nothing waits
        self.trailers: list[tuple[bytes, bytes]] = []
        self.request_trailers = b""
        self.is_answered = self.is_end_sent = self.is_request_ended = False
        self._is_chunked = translated.is_chunked
        self._is_head_method = translated.is_head_method
        self._is_closing = self._is_paused = self._is_reading_paused = False
        self._answer: AnswerHead | None = None
        self._decoder: ChunkedDecoder | None = None
        self._buffer = b""
        self._left = 0
        self._unacknowledged = 0

    # What comes from the caller.

    def receive(self, content: bytes, size: int) -> None:
        """Content of the request's body; size is what it took of the window."""
        if content and not self._is_closing:
            self.client.data_received(b"%x\r\n%s\r\n" % (len(content), content) if self._is_chunked else content)
        if self._is_reading_paused:
            self._unacknowledged += size
        else:
            self._carrier.acknowledge(self, size)

    def end_request(self) -> None:
        """The request is whole. Trailer fields of a body whose length was said have no place in HTTP/1.1."""
        self.is_request_ended = True
        if self._is_chunked and not self._is_closing:
            self.client.data_received(b"0\r\n%s\r\n" % self.request_trailers)

    def lose(self) -> None:
        """The caller gave the stream up, or the connection is gone."""
        self._is_closing = True
        self.output.clear()
        with suppress(H2Error):  # the connection may have ended
            self.resume_reading()  # what was held back took of the connection's window, which other streams need
        self.client.connection_lost(None)

    # The transport that the ClientConnection has.

    def write(self, data: bytes) -> None:
        """More of the answer, as HTTP/1.1 writes it."""
        while data and not self.is_answered and not self._is_closing:
            data = self._read_head(data) if self._answer is None else self._read_body(data)
        if self._answer is not None:
            self._carrier.flush(self)
            self.regulate()

    def _read_head(self, data: bytes) -> bytes:
        block, end, rest = (self._buffer + data).partition(b"\r\n\r\n")
        if not end:
            self._buffer = block
            return b""
        self._buffer = b""
        answer = answer_head(block)
        if answer.status < 200:  # noqa: PLR2004
            self._carrier.send_head(self, answer.fields, is_end=False)
            return rest
        self._answer = answer
        self._decoder = ChunkedDecoder("upstream-invalid") if answer.is_chunked else None
        self._left = answer.content_length
        has_no_body = self._is_head_method or answer.status in _BODILESS
        if has_no_body or (self._decoder is None and self._left <= 0):
            self.is_answered = self.is_end_sent = True
        self._carrier.send_head(self, answer.fields, is_end=self.is_answered)
        return rest

    def _read_body(self, data: bytes) -> bytes:
        if self._decoder is not None:
            for piece in self._decoder.feed(data):
                self.output += piece
            self.is_answered = self._decoder.is_complete
            self.trailers = trailer_fields(self._decoder.trailers)
            return b""
        self.output += data[: self._left]
        self._left -= len(data[: self._left])
        self.is_answered = self._left == 0
        return b""

    def regulate(self) -> None:
        """Hold the upstream back while the caller takes less than comes."""
        size, is_full = len(self.output), self._carrier.unsent.is_full
        if self._is_paused:
            if size <= LOW_BYTES and not is_full:
                self._is_paused = False
                self.client.resume_writing()
        elif size > HIGH_BYTES or is_full:
            self._is_paused = True
            self.client.pause_writing()

    def is_closing(self) -> bool:
        """True when nothing can be written any more."""
        return self._is_closing

    def close(self) -> None:
        """No more will be written; what was goes out."""
        if not self.is_answered:
            self.abort()

    def abort(self) -> None:
        """Give the answer up; one that is whole goes out nevertheless."""
        if not self.is_answered and not self._is_closing:
            self._is_closing = True
            self._carrier.cut(self)
            asyncio.get_running_loop().call_soon(self._carrier.forget, self)

    def can_write_eof(self) -> bool:
        """False: an answer says where it ends."""
        return False

    def pause_reading(self) -> None:
        """Let the caller's window run out."""
        self._is_reading_paused = True

    def resume_reading(self) -> None:
        """Let the caller send on."""
        self._is_reading_paused = False
        size, self._unacknowledged = self._unacknowledged, 0
        if size:
            self._carrier.acknowledge(self, size)

    def get_extra_info(self, name: str) -> object:
        """That of the connection."""
        return self._carrier.transport.get_extra_info(name)

    def as_transport(self) -> asyncio.Transport:
        """Itself, under the type that ClientConnection knows."""
        return cast("asyncio.Transport", self)
