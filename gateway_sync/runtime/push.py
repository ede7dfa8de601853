"""Listens on the environment's Redis channel; hiredis reads, so that no client library is loaded at start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis

CONNECT_S = 2.0
PING_S = 5.0
MOST_BYTES = 16 * 2**20  # of a message; control planes push 4 MiB at most


Command = tuple[str, ...]


class PushLost(Exception):
    """The connection to Redis is gone, or was never there."""


def pack(command: Command) -> bytes:
    """A command on the wire (RESP2, array of bulk strings)."""
    words = [word.encode() for word in command]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


async def dial(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, list[Command]]:
    """A connection, and the commands that log in and choose the database."""
    parts = urlsplit(url)
    number = parts.path.strip("/")
    if parts.scheme == "unix":
        reader, writer = await asyncio.open_unix_connection(parts.path)
        number = parse_qs(parts.query).get("db", [""])[0]
    else:
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or 6379, ssl=parts.scheme == "rediss" or None
        )
    greeting: list[Command] = []
    if parts.password:
        greeting.append(("AUTH", *([unquote(parts.username)] if parts.username else []), unquote(parts.password)))
    if number.isdigit() and number != "0":
        greeting.append(("SELECT", number))
    return reader, writer, greeting


async def listen(url: str, channel: str) -> AsyncIterator[bytes]:  # noqa: C901, PLR0912 - one loop, read top to bottom
    """Yields b"" once subscribed, then each message.

    Errors: PushLost; a Redis that hangs is noticed by a ping, within 2 * PING_S.
    """
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer, greeting = await dial(url)
        for command in (*greeting, ("SUBSCRIBE", channel)):
            writer.write(pack(command))
        parser = hiredis.Reader()
        is_pinged = False
        pending = 0  # bytes of a message that is not whole yet
        while True:
            try:
                async with asyncio.timeout(PING_S):
                    data = await reader.read(65_536)
            except TimeoutError:
                if is_pinged:
                    raise
                is_pinged = True
                writer.write(pack(("PING",)))
                continue
            if not data:
                raise PushLost
            is_pinged = False
            parser.feed(data)
            pending += len(data)
            while (reply := parser.gets()) is not False:
                pending = 0
                if isinstance(reply, hiredis.ReplyError):
                    raise PushLost(str(reply))
                if isinstance(reply, list) and reply[0] == b"subscribe":
                    yield b""
                elif isinstance(reply, list) and reply[0] == b"message":
                    yield reply[2]
            if pending > MOST_BYTES:
                raise PushLost("a message is larger than any push")
    except (OSError, TimeoutError, hiredis.HiredisError) as error:
        raise PushLost(str(error)) from error
    finally:
        if writer is not None:
            writer.close()
