"""The tunnels of a soak: WebSockets that say things and hear each again."""

from __future__ import annotations

import asyncio
import struct
import time
from contextlib import suppress

from benchmarks.soak_callers import Ground, fields_of
from benchmarks.soak_tally import TUNNEL, Outcome

_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
_TEXT, _CLOSE, _MASKED, _SIZE_16 = 0x81, 0x88, 0x80, 126
_PAUSE_S = 0.2


async def keep_tunnels(ground: Ground) -> None:
    """One tunnel after another until it is over."""
    while not ground.is_over:
        with suppress(OSError):
            await tunnel(ground)
        await asyncio.sleep(0.1)


async def tunnel(ground: Ground) -> None:
    """A WebSocket that says some things, hears each again, and ends in order."""
    question = ground.question(is_tunnel=True)
    connected_at, boot = time.monotonic(), ""
    reader, writer = await asyncio.open_connection("127.0.0.1", ground.port)
    ground.tally.asked(question.call)
    upgrade = f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {_KEY}\r\n"
    try:
        writer.write(question.as_bytes().replace(b"\r\n", f"\r\n{upgrade}".encode(), 1))
        head = await reader.readuntil(b"\r\n\r\n")
        fields, status = fields_of(head), int(head[9:12])
        request_id = fields.get("x-request-id", "")
        boot = request_id.partition("-")[0]
        if status != TUNNEL:
            body = await reader.readexactly(int(fields.get("content-length", "0")))
            ground.judge(question, status, request_id, body)
            return
        for number in range(ground.chance.randrange(5, 50)):
            said = f"{question.call.name} {number} ".encode() * ground.chance.choice((1, 20))
            if await _exchange(reader, writer, _TEXT, said) != said:
                ground.tally.fault(f"a tunnel says something else: {question.call}")
            await asyncio.sleep(0 if ground.is_over else _PAUSE_S)
        await _exchange(reader, writer, _CLOSE, struct.pack(">H", 1000))
        await reader.read()
        ground.tally.ended(question.call.name, Outcome(TUNNEL, request_id))
    except (OSError, EOFError):
        ground.broken(question, boot, connected_at)
    finally:
        writer.close()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: int, payload: bytes) -> bytes:
    """Send a masked frame; the payload of the next one that comes."""
    size = bytes([_MASKED | min(len(payload), _SIZE_16)])
    size += struct.pack(">H", len(payload)) if len(payload) >= _SIZE_16 else b""
    writer.write(bytes([first]) + size + b"\0\0\0\0" + payload)
    _, length = await reader.readexactly(2)
    if length == _SIZE_16:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
    return await reader.readexactly(length)
