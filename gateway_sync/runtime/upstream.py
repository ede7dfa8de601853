"""UpstreamConnection: one HTTP/1.1 connection to an upstream.

Owns: reading answers strictly, and whether a connection may serve again. Must not know: clients, policies.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from gateway_sync.messages import CHUNKED, NO_BODY, SIZED, UNTIL_CLOSE, FramingError, ResponseHead
from gateway_sync.runtime.core.chunked import ChunkedDecoder
from gateway_sync.runtime.core.response_head import AnswerLines, read_response_head

if TYPE_CHECKING:
    from gateway_sync.runtime.upstream_pool import Pool

MAX_HEAD_BYTES: Final = 65_536
MAX_INTERIM: Final = 16  # 1xx answers before the final one


class Receiver(Protocol):
    """Who waits for an answer: an exchange."""

    is_head: bool
    answer_lines: AnswerLines

    @property
    def is_upload_complete(self) -> bool:
        """True when the whole request was sent."""

    def on_interim(self, status: int) -> None:
        """An informational answer."""

    def on_switch(self, upstream: UpstreamConnection, head: ResponseHead, block: bytes, rest: bytes, /) -> None:
        """The upstream turned to another protocol; block is its head, rest came after it. Errors: FramingError."""

    def on_answer(self, head: ResponseHead, body: bytes, *, is_complete: bool) -> None:
        """The head, with what came of the body in the same read."""

    def on_content(self, body: bytes, *, is_complete: bool) -> None:
        """More of the body."""

    def on_failure(self, code: str, *, is_stale: bool) -> None:
        """No (complete) answer will come; is_stale = nothing of it came, on a connection that had served before."""

    def on_bug(self, error: Exception) -> None:
        """The gateway itself failed: log it, and end this exchange and nothing else."""

    def on_upload_paused(self, *, is_paused: bool) -> None:
        """The upstream does not take more of the request for now, or takes it again."""


class UpstreamConnection:
    """One connection; at most one exchange at a time. An asyncio.Protocol by its methods, as ClientConnection is."""

    __slots__ = (
        "_buffer", "_decoder", "_head", "_interim", "_left", "idle_since", "is_open", "is_used", "is_write_paused",
        "pool", "receiver", "trailers", "transport",
    )  # fmt: skip

    def __init__(self, pool: Pool) -> None:
        """Not connected yet."""
        self.pool = pool
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before anything else is called
        self.receiver: Receiver | None = None
        self.is_open = False
        self.is_used = False
        self.is_write_paused = False
        self.idle_since = 0.0
        self.trailers = b""
        self._buffer = b""
        self._head: ResponseHead | None = None
        self._decoder: ChunkedDecoder | None = None
        self._left = 0
        self._interim = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = transport  # type: ignore[assignment]  # a stream protocol gets a Transport
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        receiver = self.receiver
        if receiver is None:
            self.close()  # an answer nobody asked for: the next request would be given the wrong one
            return
        try:
            if self._head is None:
                self._read_head(receiver, data)
            else:
                self._read_body(receiver, data)
        except FramingError as error:
            self.fail(error.refusal.code)
        except Exception as bug:  # noqa: BLE001 - the edge of the process: a bug must cost one exchange
            self.break_down(receiver, bug)  # a name of its own: compiled, one has the type of its first exception

    def break_down(self, receiver: Receiver, error: Exception) -> None:
        """A bug met an exchange: it ends, and this connection with it."""
        if self.receiver in (None, receiver):  # else it is another's already
            self.close()
        receiver.on_bug(error)

    def _read_head(self, receiver: Receiver, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        end = data.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES + 4)
        if end < 0:
            if len(data) >= MAX_HEAD_BYTES + 4:
                raise FramingError("upstream-invalid", "The header never ends.")
            self._buffer = data
            return
        head = read_response_head(data[:end], receiver.answer_lines, is_head=receiver.is_head)
        rest = data[end + 4 :]
        if head.status < 200:  # noqa: PLR2004
            self._interim += 1
            if head.status == 101:  # noqa: PLR2004
                receiver.on_switch(self, head, data[:end], rest)
                return
            if self._interim > MAX_INTERIM:
                raise FramingError("upstream-invalid", "An informational answer was not asked for.")
            receiver.on_interim(head.status)
            if rest and self.receiver is receiver:
                self._read_head(receiver, rest)
            return
        self._head = head
        self._begin_body(receiver, head, rest)

    def _begin_body(self, receiver: Receiver, head: ResponseHead, rest: bytes) -> None:
        """The part of the body that came with the head."""
        body = head.body
        if body == NO_BODY:
            self._finish(receiver, head, b"", is_clean=not rest)
        elif body == SIZED:
            self.trailers = b""
            have = len(rest)
            if have >= head.content_length:
                self._finish(receiver, head, rest[: head.content_length], is_clean=have == head.content_length)
            else:
                self._left = head.content_length - have
                receiver.on_answer(head, rest, is_complete=False)
        elif body == CHUNKED:
            decoder = self._decoder = ChunkedDecoder("upstream-invalid")
            content = b"".join(decoder.feed(rest))
            self.trailers = decoder.trailers
            if decoder.is_complete:
                self._finish(receiver, head, content, is_clean=not decoder.rest)
            else:
                receiver.on_answer(head, content, is_complete=False)
        else:
            receiver.on_answer(head, rest, is_complete=False)

    def _finish(self, receiver: Receiver, head: ResponseHead, content: bytes, *, is_clean: bool) -> None:
        """A whole answer in one read: free the connection first, for the client's next request may want it at once."""
        self._release(is_clean=is_clean and head.is_persistent and receiver.is_upload_complete)
        receiver.on_answer(head, content, is_complete=True)

    def _read_body(self, receiver: Receiver, data: bytes) -> None:
        head = self._head
        if self._decoder is not None:
            content = b"".join(self._decoder.feed(data))
            is_complete = self._decoder.is_complete
            is_clean = not self._decoder.rest
            self.trailers = self._decoder.trailers
        elif head is not None and head.body == UNTIL_CLOSE:
            content, is_complete, is_clean = data, False, False
        else:
            content = data[: self._left]
            is_clean = len(data) == len(content)
            self._left -= len(content)
            is_complete = self._left == 0
        if is_complete:
            self._release(is_clean=is_clean and head is not None and head.is_persistent and receiver.is_upload_complete)
        receiver.on_content(content, is_complete=is_complete)

    def _release(self, *, is_clean: bool) -> None:
        self.receiver = None
        self._head = None
        self._decoder = None
        self._interim = 0
        if is_clean and not self.is_write_paused:
            self.pool.put_back(self)
        else:
            self.close()

    def eof_received(self) -> None:
        """The upstream is done sending: the end of an answer that is delimited by it, else a failure; closes."""

    def connection_lost(self, _error: Exception | None) -> None:
        """Closed by either side."""
        is_error = _error is not None
        self.is_open = False
        self.pool.forget(self)
        receiver, self.receiver = self.receiver, None
        if receiver is None:
            return
        if self._head is not None and self._head.body == UNTIL_CLOSE and not is_error:
            receiver.on_content(b"", is_complete=True)
        else:
            is_stale = self.is_used and self._head is None and not self._buffer
            receiver.on_failure(
                "upstream-invalid" if self._head or self._buffer else "upstream-unreachable", is_stale=is_stale
            )

    def fail(self, code: str) -> None:
        """Give up on the exchange and the connection."""
        receiver, self.receiver = self.receiver, None
        self.close()
        if receiver is not None:
            receiver.on_failure(code, is_stale=False)

    def detach(self) -> asyncio.Transport:
        """Give the transport away, to a tunnel."""
        self.receiver = None
        self.is_open = False
        self.pool.forget(self)
        return self.transport

    def close(self) -> None:
        """Close without a word to the exchange."""
        self.receiver = None
        self.is_open = False
        self.pool.forget(self)
        self.transport.abort()

    def pause_writing(self) -> None:
        """The upstream reads slower than the client sends."""
        self.is_write_paused = True
        if self.receiver is not None:
            self.receiver.on_upload_paused(is_paused=True)

    def resume_writing(self) -> None:
        """The upstream caught up."""
        self.is_write_paused = False
        if self.receiver is not None:
            self.receiver.on_upload_paused(is_paused=False)
