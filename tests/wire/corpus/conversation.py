"""Sends a case to a gateway as bytes and judges what came back and what the recorder saw."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from tests.wire.corpus.case import BASE, MARK, Case, Cut, Denied, Forwarded, get
from tests.wire.corpus.recorder import Message, Recorder

TIMEOUT_S = 15
PAUSE_S = 0.002  # between pieces, so that they are read apart
SETTLE_S = 0.05  # what was on its way to the upstream has arrived then
AT_ONCE = 32
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_BASE = b"\r\n".join(BASE)
_BOUNDARY = re.compile(rb"[\r\n:;, ]")


class Marks:
    """Numbers for the runs of cases: one for the case, one for the request after it."""

    def __init__(self) -> None:
        self._last = 0

    def take(self) -> tuple[bytes, bytes]:
        """Eight bytes each, as long as MARK."""
        self._last += 1
        return b"c%07x" % self._last, b"f%07x" % self._last


class Run:
    """A case as it is sent once: in one piece or in many."""

    def __init__(self, case: Case, marks: Marks, cuts: Iterable[int] = (), *, warmth: int = 0) -> None:
        """warmth counts requests ahead from which the gateway learns what the heads of the connection share."""
        self.case = case
        self.warmth = warmth
        self.mark, self.follower = marks.take()
        raw = case.raw.replace(MARK, self.mark)
        if not case.is_half_closed:
            raw += get(b"Connection: close").replace(MARK, self.follower)
        raw = get(target=b"/nowhere") * warmth + raw
        places = [0, *cuts, len(raw)]
        self.pieces = tuple(raw[start:end] for start, end in pairwise(places))
        self.answers = b""
        self.is_closed = False

    async def send(self, port: int) -> None:
        """Send it, and read all that comes until the gateway closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await asyncio.gather(self._write(writer), self._read(reader))
        except TimeoutError:
            pass
        finally:
            writer.transport.abort()

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        try:
            for piece in self.pieces:
                writer.write(piece)
                if len(self.pieces) > 1:
                    await asyncio.sleep(PAUSE_S)
            await writer.drain()
            if self.case.is_half_closed:
                writer.write_eof()
        except OSError:
            pass  # refused before all of it was sent

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(65_536):
                self.answers += data
        except OSError:
            pass
        self.is_closed = True

    def faults(self, recorder: Recorder) -> Iterator[str]:
        """What is not as expected."""
        statuses = [int(status) for status in _STATUS.findall(self.answers) if status != b"100"]
        if statuses[: self.warmth] != [404] * self.warmth:
            yield f"answered {statuses} from the first request on"
        statuses = statuses[self.warmth :]
        messages, followers = recorder.of(self.mark), recorder.of(self.follower)
        expected = self.case.expected
        if not self.is_closed:
            yield "the connection is still open"
        yield from (f"forwarded badly: {message.fault}" for message in messages if message.fault)
        if isinstance(expected, Forwarded):
            yield from self._forwarding_faults(expected, messages, len(followers), statuses)
            return
        whole = [message for message in messages if message.is_whole]
        is_after_served = isinstance(expected, Denied)
        if len(whole) != self.case.ahead or (len(messages) != len(whole) and not isinstance(expected, Cut)):
            yield f"forwarded {[message.head for message in messages]}"
        if len(followers) != is_after_served:
            yield f"the request after it was forwarded {len(followers)} times"
        before, rest = statuses[: self.case.ahead], statuses[self.case.ahead :]
        if before != [200] * self.case.ahead:
            yield f"requests before it were answered {before}"
        if is_after_served and rest[1:] != [200]:
            yield f"the request after it was answered {rest[1:]}"
        rest = rest[:1] if is_after_served else rest
        least = 0 if isinstance(expected, Cut) else 1
        if not least <= len(rest) <= 1 or not set(rest) <= set(expected.statuses):
            yield f"answered {rest}, not one of {expected.statuses}"

    def _forwarding_faults(
        self, expected: Forwarded, messages: list[Message], followers: int, statuses: list[int]
    ) -> Iterator[str]:
        is_alone = expected.is_last or self.case.is_half_closed
        if followers != (not is_alone) or statuses != [200] * (1 if is_alone else 2):
            yield f"answered {statuses}, the request after it was forwarded {followers} times"
        if len(messages) != 1 or not messages[0].is_whole:
            yield f"forwarded {len(messages)} times"
            return
        message = messages[0]
        for name in ("method", "target", "fields", "length", "content", "host"):
            if getattr(message, name) != getattr(expected, name):
                yield f"{name} is {getattr(message, name)!r}, not {getattr(expected, name)!r}"


def boundaries(case: Case) -> Iterator[int]:
    """Places where a message is worth cutting: around line ends, colons and spaces of what makes the case."""
    base = case.raw.find(_BASE)
    skipped = range(base, base + len(_BASE)) if base >= 0 else range(0)
    found = {place for match in _BOUNDARY.finditer(case.raw) for place in (match.start(), match.end())}
    return iter(sorted(place for place in found - {*skipped} if 0 < place < len(case.raw)))


async def send_all(runs: list[Run], port: int, at_once: int = AT_ONCE) -> None:
    """Send them, many at a time."""
    slots = asyncio.Semaphore(at_once)

    async def send(run: Run) -> None:
        async with slots:
            await run.send(port)

    await asyncio.gather(*(send(run) for run in runs))
    await asyncio.sleep(SETTLE_S)
