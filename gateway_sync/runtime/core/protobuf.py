"""Writes Protocol Buffers' wire format, as far as spans need it. Source: protobuf.dev/programming-guides/encoding.

A message is the concatenation of its fields; fields with their default value are left out, as proto3 does.
"""

from __future__ import annotations

import struct
from typing import Final

_FIXED64: Final = struct.Struct("<Q")
_FIXED32: Final = struct.Struct("<I")
_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
_ALL_BITS: Final = 2**64 - 1


def varint(value: int) -> bytes:
    """The value in groups of seven bits, the lowest first; a negative one as its 64-bit complement."""
    value &= _ALL_BITS
    written = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def integer(number: int, value: int) -> bytes:
    """A field of an integer or an enumeration."""
    return varint(number << 3 | _VARINT) + varint(value) if value else b""


def fixed64(number: int, value: int) -> bytes:
    """A field of eight bytes."""
    return varint(number << 3 | _I64) + _FIXED64.pack(value & _ALL_BITS) if value else b""


def fixed32(number: int, value: int) -> bytes:
    """A field of four bytes."""
    return varint(number << 3 | _I32) + _FIXED32.pack(value) if value else b""


def text(number: int, value: str) -> bytes:
    """A field of a string."""
    return octets(number, value.encode(errors="replace"))


def octets(number: int, value: bytes) -> bytes:
    """A field of bytes."""
    return message(number, value) if value else b""


def message(number: int, value: bytes) -> bytes:
    """A field of a message, of an empty one too."""
    return varint(number << 3 | _LEN) + varint(len(value)) + value
