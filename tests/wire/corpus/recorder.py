"""Recorder: an upstream that keeps every message it was sent, as h11 reads it, and answers as a case says."""

from __future__ import annotations

import asyncio
import re
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import h11

LATER_S = 0.3  # after the first part of an answer the second one comes, unless the client has seen the first before
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_MARK = re.compile(rb"X-Case: (\w{8})\r\n")
_OWN = (
    b"host", b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port", b"via",
    b"x-request-id",
)  # fmt: skip
_TRACE = (b"traceparent", b"tracestate")  # passed on where a caller sent them whole, else the gateway's if it exports
_FRAMING = (b"content-length", b"transfer-encoding")


@dataclass(slots=True)
class Message:
    """What arrived. Shapes: fields are the lines that are not the gateway's own; length as in corpus.case.Forwarded."""

    mark: bytes = b""
    head: bytes = b""
    method: bytes = b""
    target: bytes = b""
    fields: tuple[bytes, ...] = ()
    host: bytes = b""
    length: int | None = None
    content: bytes = b""
    is_whole: bool = False
    fault: str = ""

    def add_head(self, data: bytes) -> None:
        """More of the head, as long as it is not whole."""
        if not self.method:
            self.head = (self.head + data).partition(b"\r\n\r\n")[0]
            found = _MARK.search(self.head + b"\r\n")
            self.mark = found[1] if found else b""

    def note(self, event: h11.Request) -> None:
        """The head is whole."""
        lines = self.head.split(b"\r\n")[1:]
        names = [line.partition(b":")[0].lower() for line in lines]
        values = {name: line.partition(b":")[2].strip() for name, line in zip(names, lines, strict=True)}
        self.method, self.target = bytes(event.method), bytes(event.target)
        self.host = values.get(b"x-forwarded-host", b"")
        known = (*_OWN, *_FRAMING, *_TRACE, b"x-case")
        self.fields = tuple(line for name, line in zip(names, lines, strict=True) if name not in known)
        for name in _OWN:
            if names.count(name) != 1:
                self.fault += f"{name.decode()} {names.count(name)} times; "
        for name in _TRACE:
            if names.count(name) > 1:
                self.fault += f"{name.decode()} {names.count(name)} times; "
        if sum(names.count(name) for name in _FRAMING) > 1:
            self.fault += "framed twice; "
        if b"transfer-encoding" in values:
            self.length = -1
        elif b"content-length" in values:
            self.length = int(values[b"content-length"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What a marked request is answered."""

    first: bytes
    later: bytes = b""
    is_closing: bool = False
    is_early: bool = False  # sent when the head is there, before the body


class Recorder:
    """Listens in a thread of its own for as long as the block lasts."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.answers: dict[bytes, Answer] = {}
        self.reused: set[bytes] = set()
        self.closed: set[bytes] = set()
        self.seen: set[bytes] = set()  # answers whose head the client has read
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_ready.wait(10)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256))
        self.port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        server.close()
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    def of(self, mark: bytes) -> list[Message]:
        """What arrived under a mark."""
        return [message for message in self.messages if message.mark == mark]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Messages of one connection; `dirty` is the mark of the scripted answer that it was given last."""
        dirty = b""
        pending = b""
        try:
            while True:
                connection = h11.Connection(h11.SERVER, max_incomplete_event_size=300_000)
                data = pending or await reader.read(300_000)
                if data and dirty:
                    self.reused.add(dirty)
                if not data:
                    self.closed.add(dirty)
                    return
                pending, message = await self._read(reader, writer, connection, data)
                answer = self.answers.get(message.mark)
                if not message.is_whole or (answer is not None and answer.is_early):
                    self.closed.add(message.mark)
                    return
                if answer is None:
                    writer.write(OK if message.method != b"HEAD" else OK[:-2])
                    dirty = b""
                    continue
                dirty = message.mark
                writer.write(answer.first)
                if answer.later:
                    await writer.drain()
                    await self._until_seen(dirty)
                    writer.write(answer.later)
                if answer.is_closing:
                    return
        except (OSError, asyncio.CancelledError):
            self.closed.add(dirty)
        finally:
            writer.close()

    async def _until_seen(self, mark: bytes) -> None:
        for _ in range(100):
            if mark in self.seen:
                return
            await asyncio.sleep(LATER_S / 100)

    async def _read(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: h11.Connection, data: bytes
    ) -> tuple[bytes, Message]:
        """What followed the message, and the message; noted at once, for a part of one is news too."""
        message = Message()
        message.add_head(data)
        self.messages.append(message)
        try:
            connection.receive_data(data)
            while not message.is_whole:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    data = await reader.read(300_000)
                    message.add_head(data)
                    connection.receive_data(data)
                elif isinstance(event, h11.Request):
                    message.note(event)
                    answer = self.answers.get(message.mark)
                    if answer is not None and answer.is_early:
                        writer.write(answer.first)
                elif isinstance(event, h11.Data):
                    message.content += bytes(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    message.is_whole = True
                    message.fault += "trailers were forwarded; " if event.headers else ""
        except h11.RemoteProtocolError as error:
            if "peer " not in str(error):  # cut off: not whole, and no fault
                message.fault += f"h11: {error}; "
        return connection.trailing_data[0], message
