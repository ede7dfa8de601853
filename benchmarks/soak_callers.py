"""The callers of a soak: each knows what it asked, and compares every byte of the answer with that."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from benchmarks.certificates import HOST
from benchmarks.soak_service import body_of
from benchmarks.soak_tally import SHED, Call, Outcome, Tally
from benchmarks.state import Size, key_of

TICK_S = 0.01
STREAMS = 4
OK = 200
_FLAPPING = {502, 503, 504}
_SIZES = (0, 0, 0, 0, 2_000, 60_000)
_BODIES = (0, 0, 0, 0, 100, 20_000)


@dataclass(frozen=True, slots=True)
class Question:
    """A call, the parts of its request, and the body of its right answer."""

    call: Call
    method: str
    target: str
    key: str
    content: bytes
    expected: bytes

    def as_bytes(self) -> bytes:
        """The request of HTTP/1.1."""
        length = f"Content-Length: {len(self.content)}\r\n" if self.content else ""
        head = f"{self.method} {self.target} HTTP/1.1\r\nHost: {HOST}\r\nX-API-Key: {self.key}\r\n{length}"
        return f"{head}X-Request-Id: {self.call.name}\r\n\r\n".encode() + self.content


@dataclass
class Ground:
    """What all callers share: where to call, the tally, and when workers were killed."""

    port: int
    tls_port: int
    context: ssl.SSLContext
    size: Size
    chance: random.Random
    tally: Tally = field(default_factory=Tally)
    last_kill: float = 0.0
    is_over: bool = False
    numbers: Iterator[int] = field(default_factory=count)

    def question(self, *, is_tunnel: bool = False, has_body: bool = True) -> Question:
        """The next one: odd APIs have a target that flaps; tunnels are of even ones."""
        number, chance = next(self.numbers), self.chance
        api = chance.randrange(self.size.apis) & (~1 if is_tunnel else ~0)
        size, length = chance.choice(_SIZES), chance.choice(_BODIES)
        size, length = 0 if is_tunnel else size, length if has_body and not is_tunnel else 0
        method, content = ("POST", bytes([number % 251]) * length) if length else ("GET", b"")
        inner = f"/things{number % self.size.routes_an_api}/{number}"
        query = f"?size={size}" if size else ""
        call = Call(f"soak-{number}", f"/api{api}/v1{inner}", length, is_flapping=api % 2 == 1, is_tunnel=is_tunnel)
        call.began = time.monotonic()
        expected = body_of(method, inner + query, content, size)
        return Question(call, method, call.path + query, key_of(number % self.size.keys), content, expected)

    def judge(self, question: Question, status: int, request_id: str, body: bytes) -> None:
        """Take an answer in."""
        if status == OK:
            if body != question.expected:
                self.tally.fault(f"a wrong body for {question.call}: {body[:100]!r}")
        elif status not in _FLAPPING or not self._is_explained(question, status, request_id, body):
            self.tally.fault(f"{status} for {question.call}: {body[:300]!r}")
        self.tally.ended(question.call.name, Outcome(status, request_id, len(body)))

    def broken(self, question: Question, boot: str, connected_at: float) -> None:
        """Take in that a connection broke with this question open: it may if its worker was killed."""
        is_killed = self.tally.was_killed(boot) if boot else self.last_kill > connected_at
        if not is_killed and not question.call.is_flapping:
            self.tally.fault(f"a connection to {boot or 'nobody'} broke for no reason under {question.call}")
        self.tally.ended(question.call.name, Outcome(0))

    @staticmethod
    def _is_explained(question: Question, status: int, request_id: str, body: bytes) -> bool:
        with suppress(ValueError):
            problem = json.loads(body)
            is_shed = status == SHED and problem["code"] == "overloaded"
            return bool(problem["request_id"] == request_id and (is_shed or question.call.is_flapping))
        return False


class Caller(asyncio.Protocol):
    """One connection of HTTP/1.1; it goes back to the idle ones after each answer, and connects again after a break."""

    transport: asyncio.Transport

    def __init__(self, ground: Ground, idle: deque[Caller]) -> None:
        """Not connected."""
        self._ground, self._idle = ground, idle
        self._question: Question | None = None
        self._received = bytearray()
        self._boot = ""
        self._connected_at = 0.0

    async def connect(self) -> None:
        """Connect; the listener outlives workers, so nothing refuses."""
        self._connected_at, self._boot = time.monotonic(), ""
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._ground.port)
        except OSError as error:
            self._ground.tally.fault(f"a connection was refused: {error}")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready."""
        self.transport = transport  # type: ignore[assignment]
        self._idle.append(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Say so, and connect again."""
        question, self._question = self._question, None
        self._received.clear()
        if question is not None:
            self._ground.broken(question, self._boot, self._connected_at)
        else:
            with suppress(ValueError):
                self._idle.remove(self)
        if not self._ground.is_over:
            _keep(asyncio.get_running_loop().create_task(self.connect()))

    def ask(self, question: Question) -> None:
        """Send it."""
        self._question = question
        self._ground.tally.asked(question.call)
        self.transport.write(question.as_bytes())

    def data_received(self, data: bytes) -> None:
        """Judge the answer once it is whole."""
        self._received += data
        end = self._received.find(b"\r\n\r\n") + 4
        if end < 4:  # noqa: PLR2004 - not found
            return
        fields = fields_of(bytes(self._received[:end]))
        length = int(fields.get("content-length", "0"))
        if len(self._received) < end + length:
            return
        question, self._question = self._question, None
        status, body = int(self._received[9:12]), bytes(self._received[end:])
        self._received.clear()
        if question is None or len(body) != length:
            self._ground.tally.fault(f"bytes that nobody asked for: {body[length:][:100]!r}")
            return
        request_id = fields.get("x-request-id", "")
        self._boot = request_id.partition("-")[0]
        self._ground.judge(question, status, request_id, body)
        if fields.get("connection", "").lower() != "close":
            self._idle.append(self)


class HTTP2Caller(asyncio.Protocol):
    """One connection of HTTP/2 with some streams at a time."""

    transport: asyncio.Transport

    def __init__(self, ground: Ground) -> None:
        """Not connected."""
        self._ground = ground
        self._h2 = H2Connection(H2Configuration(header_encoding="latin-1"))
        self._open: dict[int, tuple[Question, dict[str, str], bytearray]] = {}
        self._boot = ""
        self._connected_at = time.monotonic()
        self.is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport  # type: ignore[assignment]
        self._h2.initiate_connection()
        self.transport.write(self._h2.data_to_send())

    def connection_lost(self, _error: Exception | None) -> None:
        """Say so."""
        self.is_closed = True
        for question, _, _ in self._open.values():
            self._ground.broken(question, self._boot, self._connected_at)
        self._open.clear()

    async def close(self) -> None:
        """Hang up once everything is answered."""
        while self._open:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(TICK_S)
        self.transport.close()

    def ask(self, question: Question) -> None:
        """Send it, if there is a stream left for it."""
        if len(self._open) >= STREAMS:
            return
        number = self._h2.get_next_available_stream_id()
        self._open[number] = (question, {}, bytearray())
        self._ground.tally.asked(question.call)
        fields = [(":method", question.method), (":scheme", "https"), (":authority", HOST), (":path", question.target)]
        fields += [("x-api-key", question.key), ("x-request-id", question.call.name)]
        self._h2.send_headers(number, fields, end_stream=True)
        self.transport.write(self._h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        """Judge what is whole."""
        try:
            for event in self._h2.receive_data(data):
                self._take(event)
        except ProtocolError as error:
            self._ground.tally.fault(f"HTTP/2 against its rules: {error}")
            self.transport.abort()
            return
        self.transport.write(self._h2.data_to_send())

    def _take(self, event: Event) -> None:
        match event:
            case ResponseReceived():
                self._open[event.stream_id or 0][1].update((str(name), str(text)) for name, text in event.headers or ())
            case DataReceived():
                self._open[event.stream_id or 0][2].extend(event.data or b"")
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
            case StreamEnded():
                question, fields, body = self._open.pop(event.stream_id or 0)
                request_id = fields.get("x-request-id", "")
                self._boot = request_id.partition("-")[0]
                self._ground.judge(question, int(fields[":status"]), request_id, bytes(body))
            case StreamReset():
                question, _, _ = self._open.pop(event.stream_id or 0)
                self._ground.broken(question, self._boot, self._connected_at)
            case _:
                pass


async def ask_all(ground: Ground, idle: deque[Caller], seconds: float) -> None:
    """Ask as much as goes, for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        while idle:
            idle.popleft().ask(ground.question())
        await asyncio.sleep(0)


async def pace(ground: Ground, idle: deque[Caller], rate: float) -> None:
    """Ask rate questions a second until it is over; what no caller was idle for is not made up for."""
    last, owed = time.monotonic(), 0.0
    while not ground.is_over:
        await asyncio.sleep(TICK_S)
        now = time.monotonic()
        owed, last = min(owed + (now - last) * rate, len(idle)), now
        while owed >= 1 and idle:
            idle.popleft().ask(ground.question())
            owed -= 1


def fields_of(head: bytes) -> dict[str, str]:
    """The fields of a head, their names in lower case."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


_tasks: set[asyncio.Task[None]] = set()


def _keep(task: asyncio.Task[None]) -> None:
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
