"""LeaseDoor: a connection to Redis for what a host says of limits, answered soon or given up; hiredis reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import hiredis

from gateway_sync.runtime.lease_scripts import ALL, Names
from gateway_sync.runtime.lease_words import Word, commands_of
from gateway_sync.runtime.push import Command, dial, pack

CONNECT_S = 1.0
ANSWER_S = 0.05  # calls wait for it at most as long
PATIENT_S = 2.0  # for what no call waits for
_LOOKS = 3


class DoorLost(Exception):
    """Redis does not answer, refuses, or was never there."""


class Door(Protocol):
    """Words go in and answers come out in order; after DoorLost it is of no more use."""

    async def ask(self, words: Sequence[Word], *, is_urgent: bool = False) -> list[object]:
        """The answer to each word; calls wait for what is urgent. Errors: DoorLost."""

    def close(self) -> None:
        """Hang up."""


class LeaseDoor:
    """A door to Redis itself."""

    def __init__(self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], names: Names, host: str) -> None:
        """Connected. Words are said for this host."""
        self._reader, self._writer = connection
        self._names, self._host = names, host
        self._parser = hiredis.Reader()

    async def ask(self, words: Sequence[Word], *, is_urgent: bool = False) -> list[object]:
        """The answer to each word. Errors: DoorLost, for an error that Redis answers too."""
        return await self.run(commands_of(words, self._names, self._host), ANSWER_S if is_urgent else PATIENT_S)

    async def run(self, commands: Sequence[Command], answer_s: float = PATIENT_S) -> list[object]:
        """The answer to each command. Errors: DoorLost."""
        try:
            for command in commands:
                self._writer.write(pack(command))
            reading = asyncio.ensure_future(self._read(len(commands)))
            try:
                await asyncio.wait({reading}, timeout=answer_s)
                for _ in range(_LOOKS):  # where it was this process that was late, the answer is here already
                    if not reading.done():
                        await asyncio.sleep(0)
                if not reading.done():
                    message = f"no answer within {answer_s} s"
                    raise DoorLost(message)
            finally:
                reading.cancel()
            return reading.result()
        except (OSError, hiredis.HiredisError) as error:
            raise DoorLost(str(error)) from error

    async def _read(self, count: int) -> list[object]:
        found: list[object] = []
        while len(found) < count:
            reply = self._parser.gets()
            if isinstance(reply, hiredis.ReplyError):
                raise DoorLost(str(reply))
            if reply is not False:
                found.append(reply)
                continue
            data = await self._reader.read(65_536)
            if not data:
                message = "Redis closed the connection"
                raise DoorLost(message)
            self._parser.feed(data)
        return found

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def open_door(url: str, names: Names, host: str) -> LeaseDoor:
    """A door to Redis, which knows the scripts. Errors: DoorLost."""
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer, greeting = await dial(url)
    except (OSError, TimeoutError) as error:
        raise DoorLost(str(error) or "no connection") from error
    door = LeaseDoor((reader, writer), names, host)
    try:
        await door.run([*greeting, *(("SCRIPT", "LOAD", script) for script in ALL)])
    except DoorLost:
        door.close()
        raise
    return door
