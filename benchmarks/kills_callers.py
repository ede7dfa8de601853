"""The callers of a run of kills: each on one connection to one gateway, and calls on after a break."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from benchmarks.kills_tally import BROKEN, NAME, NOBODYS, SHED, UNHEARD, WHOLE, Tally
from benchmarks.soak_callers import fields_of
from benchmarks.soak_service import body_of

TICK_S = 0.02
AGAIN_S = 0.05
DELAY_MS = 20  # of the service: so that a worker that is killed has calls under way
NOBODYS_EVERY = 10  # each so many calls one is without a caller
_PATH = "/bank/v1"
_NOWHERE = "/nowhere"  # so that no other call is answered alike
_OK, _NOT_FOUND, _UNAVAILABLE = b"200", b"404", b"503"


@dataclass
class Ground:
    """What all callers share."""

    key: str
    tally: Tally
    is_over: bool = False


class Caller:
    """Asks one call after another, as it is told to."""

    def __init__(self, ground: Ground, port: int, idle: deque[Caller], host: str = "127.0.0.1") -> None:
        """Not connected."""
        self._ground, self._port, self._idle, self._host = ground, port, idle, host
        self._wanted = asyncio.Event()

    def ask(self) -> None:
        """One call more."""
        self._wanted.set()

    async def run(self) -> None:
        """Until it is over; what is open then gets its end."""
        while not self._ground.is_over:
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port)
            except OSError:  # its supervisor is down: nothing was asked, so nothing is counted
                await asyncio.sleep(AGAIN_S)
                continue
            try:
                await self._call_on(reader, writer)
            finally:
                writer.close()

    async def _call_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Calls on one connection, until it breaks."""
        tally, has_more = self._ground.tally, True
        while has_more and not self._ground.is_over:
            self._wanted.clear()
            self._idle.append(self)
            await self._wanted.wait()
            if self._ground.is_over:
                return
            if reader.at_eof():  # the worker was replaced while nothing was asked
                return
            number = tally.asked()
            is_nobodys = number % NOBODYS_EVERY == 0
            target = f"/accounts?call={number}&delay={DELAY_MS}"
            try:
                writer.write(self._nobodys(number) if is_nobodys else self._own(number, target))
                status, fields, body = await _answer_of(reader)
            except (OSError, EOFError):
                tally.ended(number, UNHEARD if is_nobodys else BROKEN)
                return
            has_more = fields.get("connection", "").lower() != "close"
            if is_nobodys and status == _NOT_FOUND:
                tally.ended(number, NOBODYS)
            elif not is_nobodys and status == _OK and body == body_of("GET", target, b"", 0):
                tally.ended(number, WHOLE)
            elif status == _UNAVAILABLE:
                tally.counts["refused with 503"] += 1
                tally.ended(number, SHED)
            else:
                tally.fault(f"{status!r} for call {number}: {body[:200]!r}")
                tally.ended(number, WHOLE if status == _OK else SHED)

    def _own(self, number: int, target: str) -> bytes:
        head = f"GET {_PATH}{target} HTTP/1.1\r\nHost: a\r\nX-API-Key: {self._ground.key}\r\n"
        return f"{head}X-Request-Id: {NAME}{number}\r\n\r\n".encode()

    def _nobodys(self, number: int) -> bytes:
        return f"GET {_NOWHERE} HTTP/1.1\r\nHost: a\r\nX-Request-Id: {NAME}{number}\r\n\r\n".encode()


async def pace(ground: Ground, idle: deque[Caller], rate: float) -> None:
    """Ask rate calls a second until it is over; what no caller was idle for is not made up for."""
    loop = asyncio.get_running_loop()
    last, owed = loop.time(), 0.0
    while not ground.is_over:
        await asyncio.sleep(TICK_S)
        now = loop.time()
        owed, last = min(owed + (now - last) * rate, max(len(idle), 1)), now
        while owed >= 1 and idle:
            idle.popleft().ask()
            owed -= 1
    for caller in idle:
        caller.ask()


async def _answer_of(reader: asyncio.StreamReader) -> tuple[bytes, dict[str, str], bytes]:
    """Status, fields and body of one answer. Errors: EOFError before it is whole, OSError."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = fields_of(head)
    return head[9:12], fields, await reader.readexactly(int(fields["content-length"]))
