"""What is fuzzed, as functions from the pieces of a stream of bytes to its outcome.

An outcome is what two ways to cut the same bytes must agree on: the messages that were whole, and how the stream ended.
Where it ends with an error, what came before the error may have been told already or not: only whole messages count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from gateway_sync.messages import CHUNKED, NO_BODY, FramingError, RequestHead, ResponseHead
from gateway_sync.runtime.core.chunked import ChunkedDecoder
from gateway_sync.runtime.core.field_lines import FieldLines
from gateway_sync.runtime.core.paths import canonical_path, is_query
from gateway_sync.runtime.core.public_links import PublicLinks
from gateway_sync.runtime.core.repetition import HeadReader
from gateway_sync.runtime.core.request_head import MAX_HEAD_BYTES, without_empty_lines
from gateway_sync.runtime.core.response_head import AnswerLines
from gateway_sync.runtime.upstream import UpstreamConnection
from gateway_sync.runtime.upstream_pool import Pool
from gateway_sync.runtime.upstream_tls import Dialed

Outcome = tuple[object, ...]
Stream = Callable[[Sequence[bytes]], Outcome]

KEY_FIELDS = frozenset({b"x-api-key"})


def chunks(pieces: Sequence[bytes]) -> Outcome:
    """The content of a chunked body and what follows it."""
    decoder = ChunkedDecoder("bad-request")
    content = b""
    for number, piece in enumerate(pieces):
        try:
            content += b"".join(decoder.feed(piece))
        except FramingError:
            return ("refused",)
        if decoder.is_complete:
            return ("whole", content, decoder.rest + b"".join(pieces[number + 1 :]))
    return ("waiting", content)


def requests(pieces: Sequence[bytes]) -> Outcome:
    """The requests of one connection, as they are found with what the connection has learned from earlier ones."""
    return _Requests(is_learning=True).feed(pieces)


def requests_without_memory(pieces: Sequence[bytes]) -> Outcome:
    """The same, each head read by itself."""
    return _Requests(is_learning=False).feed(pieces)


class _Requests:
    """Takes a connection apart as the shell does."""

    def __init__(self, *, is_learning: bool) -> None:
        self._is_learning = is_learning
        self._reader, self._fields = HeadReader(), FieldLines(KEY_FIELDS)
        self._found: list[object] = []
        self._data = b""
        self._head: RequestHead | None = None  # of the request whose body is not whole
        self._decoder = ChunkedDecoder("bad-request")
        self._content = b""

    def feed(self, pieces: Sequence[bytes]) -> Outcome:
        """All pieces, one after another."""
        try:
            for piece in pieces:
                self._data += piece
                while self._data and (self._read_head() if self._head is None else self._read_body(self._head)):
                    pass
        except FramingError:
            return (*self._found, "refused")
        return (*self._found, "waiting")

    def _read_head(self) -> bool:
        """True when there is more to do."""
        if self._data[:2] == b"\r\n":
            self._data = without_empty_lines(self._data)
            return True
        if not self._is_learning:
            self._reader, self._fields = HeadReader(), FieldLines(KEY_FIELDS)
        head, self._data = self._reader.read(self._data, self._fields)
        if head is None:
            if len(self._data) >= MAX_HEAD_BYTES + 4 or self._data.count(b"\n") != self._data.count(b"\r\n"):
                raise FramingError("bad-request", "as the shell says")
            return False
        if canonical_path(head.target_path) is None or not is_query(head.query):
            raise FramingError("bad-request", "as admission says")
        if head.body == NO_BODY:
            self._found.append((_told(head), b""))
        else:
            self._head, self._decoder, self._content = head, ChunkedDecoder("bad-request"), b""
        return True

    def _read_body(self, head: RequestHead) -> bool:
        if head.body == CHUNKED:
            self._content += b"".join(self._decoder.feed(self._data))
            self._data, is_whole = self._decoder.rest, self._decoder.is_complete
        else:
            missing = head.content_length - len(self._content)
            self._content, self._data = self._content + self._data[:missing], self._data[missing:]
            is_whole = len(self._content) == head.content_length
        if is_whole:
            self._found.append((_told(head), self._content))
            self._head = None
        return is_whole


def _told(head: RequestHead) -> Outcome:
    names = set(RequestHead.__slots__) - {"_block", "_lines"}
    return (tuple(sorted(head.lines)), *(repr(getattr(head, name)) for name in sorted(names)))


class _Peer(asyncio.Transport):
    """A transport to nowhere, for a protocol that is fed by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_aborted


class _Receiver:
    """Keeps what an upstream connection tells about an answer."""

    is_upload_complete = True

    def __init__(self, *, is_head: bool) -> None:
        self.is_head = is_head
        self.answer_lines = AnswerLines(PublicLinks(b"/bank/v1", ()))
        self.head: ResponseHead | None = None
        self.content = b""
        self.is_complete = False
        self.failure = ""

    def on_interim(self, status: int) -> None:
        assert 100 <= status < 200

    def on_bug(self, error: Exception) -> None:
        raise error

    def on_switch(self, *_: object) -> None:
        raise FramingError("upstream-invalid", "not asked for")

    def on_answer(self, head: ResponseHead, body: bytes, *, is_complete: bool) -> None:
        assert self.head is None
        self.head = head
        self.on_content(body, is_complete=is_complete)

    def on_content(self, body: bytes, *, is_complete: bool) -> None:
        assert not self.is_complete
        assert not self.failure
        self.content += body
        self.is_complete = is_complete

    def on_failure(self, code: str, *, is_stale: bool) -> None:
        assert not self.is_complete
        self.failure = code

    def on_upload_paused(self, *, is_paused: bool) -> None:
        raise AssertionError


def answers(pieces: Sequence[bytes]) -> Outcome:
    """The answer to a GET, then the end of the connection."""
    return _answers(pieces, is_head=False)


def answers_to_head(pieces: Sequence[bytes]) -> Outcome:
    """The answer to a HEAD, then the end of the connection."""
    return _answers(pieces, is_head=True)


def _answers(pieces: Sequence[bytes], *, is_head: bool) -> Outcome:
    pool, peer, receiver = Pool(("127.0.0.1", 1), Dialed(), 0.0), _Peer(), _Receiver(is_head=is_head)
    connection = UpstreamConnection(pool)
    connection.connection_made(peer)
    connection.receiver = receiver
    for piece in pieces:
        if peer.is_aborted:
            break
        connection.data_received(piece)
    is_reused = connection in pool.idle and connection.is_open and not peer.is_aborted
    if not peer.is_aborted:
        connection.connection_lost(None)
    assert receiver.is_complete != bool(receiver.failure)
    if receiver.failure:
        return ("failed",)
    head = receiver.head
    assert head is not None
    return (head.status, head.reason, tuple(head.lines), head.body, head.content_length, receiver.content, is_reused)


STREAMS: dict[str, Stream] = {
    "chunks": chunks,
    "requests": requests,
    "answers": answers,
    "answers to HEAD": answers_to_head,
}
