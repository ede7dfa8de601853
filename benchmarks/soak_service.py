"""The service behind the gateway in a soak: it says back what it was asked, and fails when it is told to.

It takes `size` bytes and `delay` milliseconds for that, if the query says so.

Run as `python -m benchmarks.soak_service PORT`. Each SIGUSR1 turns it to the next of its moods: it answers; it refuses
connections and has cut those it had; it answers; it hangs up instead of answering.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import signal
import socket
import struct
import sys
from urllib.parse import parse_qs, urlsplit

import uvloop

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_MOODS = ("answers", "refuses", "answers", "hangs up")
_SIZE_16 = 126


def body_of(method: str, target: str, content: bytes, size: int) -> bytes:
    """What the service says to a request: its line and the digest of its body, over and over, size bytes in all."""
    line = f"{method} {target} {hashlib.sha256(content).hexdigest()}\n".encode()
    return (line * (size // len(line) + 1))[:size] if size else line


class Service:
    """One service in a mood."""

    def __init__(self, port: int) -> None:
        """It answers, once it is opened."""
        self.port = port
        self.mood = 0
        self.connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        self._server = await asyncio.get_running_loop().create_server(lambda: Connection(self), sock=listener)

    async def turn(self) -> None:
        """Take the next mood."""
        self.mood = (self.mood + 1) % len(_MOODS)
        if _MOODS[self.mood] == "refuses":
            if self._server is not None:
                self._server.close()
                self._server = None
            for connection in list(self.connections):
                connection.transport.abort()
        elif self._server is None:
            await self.open()

    @property
    def hangs_up(self) -> bool:
        """True when it does not answer but hang up."""
        return _MOODS[self.mood] == "hangs up"


class Connection(asyncio.Protocol):
    """One connection: requests with Content-Length or without a body, then perhaps a WebSocket."""

    transport: asyncio.Transport

    def __init__(self, service: Service) -> None:
        """Not connected."""
        self._service = service
        self._received = b""
        self._is_tunnel = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected."""
        self.transport = transport  # type: ignore[assignment]
        self._service.connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Closed."""
        self._service.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer what is whole."""
        self._received += data
        while self._received and (self._take_frame() if self._is_tunnel else self._take_request()):
            pass

    def _take_request(self) -> bool:
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return False
        line, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
        length = int(fields.get("content-length", 0))
        if len(rest) < length:
            return False
        content, self._received = rest[:length], rest[length:]
        if self._service.hangs_up:
            self.transport.abort()
            return False
        method, target, _ = line.split(" ")
        if fields.get("upgrade", "").lower() == "websocket":
            self._accept(fields["sec-websocket-key"])
            return True
        query = parse_qs(urlsplit(target).query)
        body = body_of(method, target, content, int(query.get("size", ["0"])[0]))
        answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        if delay_ms := int(query.get("delay", ["0"])[0]):
            asyncio.get_running_loop().call_later(delay_ms / 1000, self.transport.write, answer)
        else:
            self.transport.write(answer)
        return True

    def _accept(self, key: str) -> None:
        accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest())  # noqa: S324 - RFC 6455 says so
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
        )
        self._is_tunnel = True

    def _take_frame(self) -> bool:
        """Send a masked frame back without its mask."""
        size, at = (self._received[1] & 0x7F if len(self._received) > 1 else 0), 2
        if size == _SIZE_16 and len(self._received) >= 4:  # noqa: PLR2004 - the longer form of the length
            (size,), at = struct.unpack_from(">H", self._received, 2), 4
        if len(self._received) < at + 4 + size:
            return False
        mask, masked = self._received[at : at + 4], self._received[at + 4 : at + 4 + size]
        payload = bytes(byte ^ mask[place % 4] for place, byte in enumerate(masked))
        length = bytes([size]) if at == 2 else b"\x7e" + struct.pack(">H", size)  # noqa: PLR2004 - the short form
        self.transport.write(self._received[:1] + length + payload)
        is_close = self._received[0] & 0x0F == 8  # noqa: PLR2004 - the opcode
        self._received = self._received[at + 4 + size :]
        if is_close:
            self.transport.close()
        return not is_close


async def serve(port: int) -> None:
    """Serve until SIGTERM."""
    service, stop = Service(port), asyncio.Event()
    loop = asyncio.get_running_loop()
    await service.open()
    tasks = set()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, lambda: tasks.add(loop.create_task(service.turn())))
    await stop.wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
