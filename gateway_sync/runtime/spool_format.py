"""The records of a usage spool, as the worker writes them and the shipper reads them.

A segment is a file of fixed size, mapped by its worker. Record: length, CRC-32 and kind, then the payload. A kind of 0
is the end of what was written; a wrong CRC is a write that was cut off by a kill. ADMIT is written before an exchange
is sent to the upstream, FINAL before the last byte of its answer is released, so an ADMIT without FINAL in the
spool of a dead worker is an exchange whose outcome nobody knows.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway_sync.runtime.core.refusals import CODES

SEGMENT_BYTES = 4 * 2**20
SPOOL_BYTES = 12 * 2**30  # of one host, unless told otherwise: 72 h of 200 requests a second
HEADER = struct.Struct("<IIB")
ADMIT_HEAD = struct.Struct("<QQ")
FINAL_BODY = struct.Struct("<QQHBIIQQ")
ADMIT, FINAL, CELLS, END = 1, 2, 3, 4
FIELD = b"\x1f"
MAX_PATH = 255

CLIENT_CLOSED = "client-closed"
FINAL_CODES = ("", CLIENT_CLOSED, *CODES)
CODE_NUMBERS = {code: number for number, code in enumerate(FINAL_CODES)}


class Final(NamedTuple):
    """How an exchange ended. Units: microseconds and bytes."""

    number: int
    seq: int
    status: int
    code: int
    duration_us: int
    upstream_us: int
    request_bytes: int
    response_bytes: int


def read_records(segment: bytes | memoryview, offset: int) -> Iterator[tuple[int, bytes, int]]:
    """(kind, payload, offset of the next record) of each complete record from offset on; stops at one that is not."""
    while offset + HEADER.size <= len(segment):
        length, crc, kind = HEADER.unpack_from(segment, offset)
        end = offset + HEADER.size + length
        if kind == 0 or end > len(segment):
            return
        payload = bytes(segment[offset + HEADER.size : end])
        if zlib.crc32(payload) != crc:
            return
        offset = end
        yield kind, payload, offset


def segment_path(folder: Path, boot: str, slot: int, count: int) -> Path:
    """Where the count-th segment of a worker's life is."""
    return folder / f"{boot}.{slot}.{count:08d}.spool"


def request_id_of(boot: str, number: int) -> str:
    """The id of an exchange: its worker's boot and its number there, so that it needs no look-up to be unique."""
    return f"{boot[:16]}-{number:08x}"
