"""LeaseDoor: one connection to Redis for commands, each answered soon or given up; hiredis reads, as in push."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence

import hiredis

from gateway_sync.runtime.push import Command, dial, pack

CONNECT_S = 1.0
ANSWER_S = 0.05  # calls wait for it at most as long
PATIENT_S = 2.0  # for what no call waits for
_LOOKS = 3


class DoorLost(Exception):
    """Redis does not answer, refuses, or was never there."""


class LeaseDoor:
    """Commands go in and answers come out in order; after DoorLost it is of no more use."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connected."""
        self._reader = reader
        self._writer = writer
        self._parser = hiredis.Reader()

    async def ask(self, commands: Sequence[Command], answer_s: float = PATIENT_S) -> list[object]:
        """The answer to each command. Errors: DoorLost, for an error that Redis answers too."""
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

    async def run(self, script: str, keys: Sequence[str], *words: object) -> object:
        """What one script answers. Errors: DoorLost."""
        return (await self.ask([call(script, keys, *words)]))[0]

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


def call(script: str, keys: Sequence[str], *words: object) -> Command:
    """The command that runs a script of `open_door`'s."""
    digest = hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
    return ("EVALSHA", digest, str(len(keys)), *keys, *[str(word) for word in words])


async def open_door(url: str, scripts: Sequence[str]) -> LeaseDoor:
    """A door behind which the scripts are known. Errors: DoorLost."""
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer, greeting = await dial(url)
    except (OSError, TimeoutError) as error:
        raise DoorLost(str(error) or "no connection") from error
    door = LeaseDoor(reader, writer)
    try:
        await door.ask([*greeting, *(("SCRIPT", "LOAD", script) for script in scripts)])
    except DoorLost:
        door.close()
        raise
    return door
