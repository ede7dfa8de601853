"""Raw sockets on both sides of a gateway: an upstream that does what a test says, a client that sends bytes."""

from __future__ import annotations

import re
import select
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.waiting import PATIENCE_S

_END_OF_CHUNKS = re.compile(rb"(?:^|\n)0\r\n(?:[^\r\n]+\r\n)*\r\n")
Script = Callable[[socket.socket, bytes], bool]


def answer_with(content: bytes) -> Script:
    """A script that answers each request with the same bytes and keeps the connection."""

    def script(peer: socket.socket, _request: bytes) -> bool:
        peer.sendall(content)
        return True

    return script


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class RawUpstream:
    """A server that reads heads (and sized bodies) and lets a script answer; keeps what it read.

    Shapes: the script is given the connection and the request's bytes, and returns whether the connection stays open.
    """

    def __init__(self, script: Script | None = None, *, reads_bodies: bool = True) -> None:
        """Listens at once."""
        self.script = script or answer_with(OK)
        self.requests: list[bytes] = []
        self._test = 0
        self.connections = 0
        self.reads_bodies = reads_bodies
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        self._peers: list[socket.socket] = []
        self._unread: set[socket.socket] = set()  # peers whose next bytes belong to the head of a request
        self._reading = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        """Ready."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Closed."""
        self._listener.close()
        for peer in self._peers:
            peer.close()

    def begin(self) -> None:
        """Has seen nothing and answers 200; what arrived before, read or not, is not noted any more."""
        while True:
            with self._reading:
                if not any(_has_news(each, wait_ms=0) for each in (self._listener, *self._unread)):
                    self._test += 1
                    self.script = answer_with(OK)
                    self.requests.clear()
                    return
            time.sleep(0.001)  # threads are about to read what an earlier test left

    def _accept(self) -> None:
        while True:
            _has_news(self._listener)
            with self._reading:
                try:
                    peer, _ = self._listener.accept()
                except OSError:
                    return
                self._unread.add(peer)
            self.connections += 1
            self._peers.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        pending, test = b"", self._test
        try:
            while True:
                while b"\r\n\r\n" not in pending:
                    data, test = self._read_some(peer)
                    if not data:
                        return
                    pending += data
                head, _, pending = pending.partition(b"\r\n\r\n")
                if self.reads_bodies:
                    body, pending = _read_body(peer, sized(head), pending)
                else:
                    body, pending = pending, b""  # the script reads on, after what came with the head
                request = head + b"\r\n\r\n" + body
                if test == self._test:
                    self.requests.append(request)
                if not self.script(peer, request):
                    peer.close()
                    return
        except OSError:
            return

    def _read_some(self, peer: socket.socket) -> tuple[bytes, int]:
        """Bytes of a head, and the test in which they were read."""
        with self._reading:
            self._unread.add(peer)
        _has_news(peer)
        with self._reading:
            self._unread.discard(peer)
            return peer.recv(65_536), self._test


def _has_news(peer: socket.socket, wait_ms: int | None = None) -> bool:
    """True when reading (accepting, for a listener) would not block; None = wait until it is so."""
    poll = select.poll()
    try:
        poll.register(peer, select.POLLIN)
    except ValueError:
        return True  # it was closed meanwhile, and who reads is told so at once
    return bool(poll.poll(wait_ms))


def _read_body(peer: socket.socket, length: int, pending: bytes) -> tuple[bytes, bytes]:
    """The body, and what came after it; a negative length stands for chunks."""
    while length > len(pending) or (length < 0 and not _END_OF_CHUNKS.search(pending)):
        data = peer.recv(65_536)
        if not data:
            break
        pending += data
    return (pending, b"") if length < 0 else (pending[:length], pending[length:])


def sized(head: bytes) -> int:
    """The Content-Length of a head, 0 without one, -1 when it is chunked."""
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        return -1
    for line in lower.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


class RawClient:
    """A connection that sends bytes as given and reads until it has what it wants."""

    def __init__(self, port: int, timeout_s: float = PATIENCE_S) -> None:
        """Connected."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._pending = b""

    def __enter__(self) -> Self:
        """Ready."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Closed."""
        self.socket.close()

    def send(self, content: bytes) -> RawClient:
        """Send all of it."""
        self.socket.sendall(content)
        return self

    def read_answer(self, *, is_head: bool = False) -> tuple[int, bytes, bytes]:
        """(status, head, body) of the next answer; a chunked body is returned as it is on the wire."""
        while b"\r\n\r\n" not in self._pending:
            self._more()
        head, _, self._pending = self._pending.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        length = 0 if is_head or status in (100, 204, 304) else sized(head)
        if length < 0:
            while b"0\r\n\r\n" not in self._pending:
                self._more()
            body, end, self._pending = self._pending.partition(b"0\r\n\r\n")
            return status, head, body + end
        while len(self._pending) < length:
            self._more()
        body, self._pending = self._pending[:length], self._pending[length:]
        return status, head, body

    def _more(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            message = f"closed after {self._pending[:200]!r}"
            raise ConnectionError(message)
        self._pending += data

    def read_to_end(self) -> bytes:
        """Everything until the gateway closes; a reset counts as an end."""
        try:
            while True:
                self._more()
        except ConnectionError:
            content, self._pending = self._pending, b""
            return content
