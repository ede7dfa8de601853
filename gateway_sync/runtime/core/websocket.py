"""WebSocket (RFC 6455), as far as a gateway that passes its bytes on must know it: the handshake, and frames' ends.

The frames themselves are between the two ends of the tunnel, extensions and their compression too.
"""

from __future__ import annotations

import base64
import hashlib
import re

# Whole close frames from a server, section 7.4.1.
GOING_AWAY = b"\x88\x02\x03\xe9"  # 1001
POLICY_VIOLATION = b"\x88\x02\x03\xf0"  # 1008

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # section 1.3
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_KEY_FIELD = b"sec-websocket-key"
EXTENSIONS_FIELD = b"sec-websocket-extensions"
DEFLATE = b"permessage-deflate"
_CLOSE = 0x88


def handshake_key(lines: list[bytes]) -> bytes:
    """The key of a request's field lines; b"" unless there is exactly one and it is one (section 4.2.1)."""
    keys = [line.partition(b":")[2].strip(b" \t") for line in lines if _name_of(line) == _KEY_FIELD]
    return keys[0] if len(keys) == 1 and _KEY.fullmatch(keys[0]) else b""


def accept_value(key: bytes) -> bytes:
    """What Sec-WebSocket-Accept must say to a key (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def close_frame(code: int, *, is_masked: bool = False) -> bytes:
    """A whole close frame; masked, with zeros, as from a client."""
    return (b"\x88\x82\0\0\0\0" if is_masked else b"\x88\x02") + code.to_bytes(2, "big")


def extensions_in(lines: list[bytes]) -> list[bytes]:
    """The names of the extensions that field lines list."""
    found = [line.partition(b":")[2] for line in lines if _name_of(line) == EXTENSIONS_FIELD]
    return [each.partition(b";")[0].strip(b" \t").lower() for value in found for each in value.split(b",")]


def without_extensions(lines: list[bytes]) -> list[bytes]:
    """The field lines of a handshake that offers no extension."""
    return [line for line in lines if _name_of(line) != EXTENSIONS_FIELD]


def _name_of(line: bytes) -> bytes:
    return line.partition(b":")[0].lower()


class FrameEnds:
    """Where the frames of a server end, so that one of the gateway's own can be put between two of them."""

    __slots__ = ("_head", "_left", "fault", "is_closed")

    def __init__(self) -> None:
        """Before the first frame. is_closed = the server sent its close frame, after which nothing may follow."""
        self._left = 0
        self._head = b""
        self.fault = 0  # none is ever found
        self.is_closed = False

    @property
    def is_between(self) -> bool:
        """True when the last frame is whole."""
        return not self._left and not self._head

    def feed(self, data: bytes) -> bytes:
        """Follow the next bytes, which all go on. Total: of what is no WebSocket it says something, but never fails."""
        fed = data
        if self._head:
            data, self._head = self._head + data, b""
        position, size = self._left, len(data)
        while position < size:
            if size - position < 2 or size - position < (needed := _head_bytes(data[position + 1])):  # noqa: PLR2004
                self._head = data[position:]
                self._left = 0
                return fed
            first, length = data[position], data[position + 1] & 0x7F
            if length >= 126:  # noqa: PLR2004 - section 5.2: the length follows
                extended = 2 if length == 126 else 8  # noqa: PLR2004
                length = int.from_bytes(data[position + 2 : position + 2 + extended], "big")
            self.is_closed = self.is_closed or first == _CLOSE
            position += needed + length
        self._left = position - size
        return fed


def _head_bytes(second: int) -> int:
    """The size of a frame's head, by its second byte (section 5.2)."""
    length = second & 0x7F
    extended = 0 if length < 126 else 2 if length == 126 else 8  # noqa: PLR2004
    return 2 + extended + (4 if second & 0x80 else 0)
