"""Lets the recorder answer as a case says, and judges what the client got and whose the connection is afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import h11

from tests.wire.corpus.answers import AnswerCase, Delivered, Invalid, Truncated
from tests.wire.corpus.case import MARK, get
from tests.wire.corpus.conversation import TIMEOUT_S, Marks
from tests.wire.corpus.recorder import Answer, Recorder


@dataclass(slots=True)
class Reading:
    """An answer as h11 reads it; a second one behind it is none that is whole."""

    status: int = 0
    content: bytes = b""
    is_whole: bool = False


class AnswerRun:
    """A case, and the request that comes after it."""

    def __init__(self, case: AnswerCase, marks: Marks, recorder: Recorder) -> None:
        self.case = case
        self.mark, self.follower = marks.take()
        self._recorder = recorder
        recorder.answers[self.mark] = Answer(case.first, case.later, case.is_closing)
        self.reading = self.after = Reading()

    @property
    def _is_closed(self) -> bool:
        """True when the connection that the answer came on is at its end."""
        return self.mark in self._recorder.closed or self.case.is_closing

    async def send(self, port: int) -> None:
        """Both requests, the second on a new connection where the first one was cut off."""
        expected = self.case.expected
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            self.reading = await self._exchange(reader, writer, self.case.method, self.mark)
            is_ending = not isinstance(expected, Delivered) or not expected.is_reused
            if is_ending and self.case.later:
                await _until(lambda: self._is_closed)
            if isinstance(expected, Truncated):
                writer.transport.abort()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            self.after = await self._exchange(reader, writer, b"GET", self.follower)
            if is_ending:
                await _until(lambda: self._is_closed)
        finally:
            writer.transport.abort()

    def faults(self) -> Iterator[str]:
        """What is not as expected."""
        expected, reading = self.case.expected, self.reading
        if isinstance(expected, Invalid):
            is_told = self.case.method == b"HEAD" or f'"code":"{expected.code}'.encode() in reading.content
            is_right = reading.status == 502 and is_told
        elif isinstance(expected, Truncated):
            is_right = reading.status == expected.status and not reading.is_whole
        else:
            is_right = reading == Reading(expected.status, expected.content, is_whole=True)
        if not is_right:
            yield f"answered {reading}"
        if self.after != Reading(200, b"ok", is_whole=True):
            yield f"the request after it was answered {self.after}"
        is_reused = self.mark in self._recorder.reused
        if isinstance(expected, Delivered) and expected.is_reused:
            if not is_reused:
                yield "the connection was not used again"
        elif is_reused or not self._is_closed:
            yield f"reused: {is_reused}, closed: {self._is_closed}"

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, method: bytes, mark: bytes
    ) -> Reading:
        oracle = h11.Connection(h11.CLIENT, max_incomplete_event_size=300_000)
        oracle.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"a")]))
        oracle.send(h11.EndOfMessage())
        writer.write(get(method=method).replace(MARK, mark))
        reading = Reading()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while (event := oracle.next_event()).__class__ is not h11.EndOfMessage:
                    if event is h11.NEED_DATA:
                        oracle.receive_data(await reader.read(65_536))
                    elif isinstance(event, h11.Response):
                        reading.status = event.status_code
                        self._recorder.seen.add(mark)
                    elif isinstance(event, h11.Data):
                        reading.content += bytes(event.data)
                    else:
                        return reading
        except (h11.RemoteProtocolError, OSError):
            return reading
        reading.is_whole = not oracle.trailing_data[0]
        return reading


async def _until(holds: Callable[[], bool]) -> None:
    """Wait for a condition, long enough for a busy machine."""
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
