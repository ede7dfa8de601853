"""Raw sockets on both sides of a gateway: an upstream that does what a test says, a client that sends bytes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

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
        """Has seen nothing and answers 200; what is still on its way from an earlier test is not noted any more."""
        self._test += 1
        self.script = answer_with(OK)
        self.requests.clear()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._peers.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        pending = b""
        try:
            while True:
                while b"\r\n\r\n" not in pending:
                    data = peer.recv(65_536)
                    if not data:
                        return
                    pending += data
                head, _, pending = pending.partition(b"\r\n\r\n")
                test = self._test
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


def _read_body(peer: socket.socket, length: int, pending: bytes) -> tuple[bytes, bytes]:
    """The body, and what came after it; a negative length stands for chunks."""
    while length > len(pending) or (length < 0 and b"0\r\n\r\n" not in pending):
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

    def __init__(self, port: int, timeout_s: float = 5.0) -> None:
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
