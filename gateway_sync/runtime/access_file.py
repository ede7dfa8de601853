"""The access records of one moment as a flat file, which the supervisor writes and every worker maps.

No worker holds a copy, and a million keys load in no time.

Layout: header, a table of (hash, offset) with open addressing, then records. Names are kind, 0 and key; bodies JSON.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path

import msgspec

MAGIC = b"apimacc2"
BY_APPLICATION = "by_application"
_HEADER = struct.Struct("<8sQQQ")  # magic, sequence number, records, table length
_CRC = struct.Struct("<I")  # of everything else
_ENTRY = struct.Struct("<QQ")
_RECORD = struct.Struct("<HI")
_TABLE = _HEADER.size + _CRC.size

Body = bytes


class AccessFileInvalid(ValueError):
    """The file is damaged or of another format."""


def record_name(kind: str, key: str) -> bytes:
    """What a record is found by."""
    return f"{kind}\0{key}".encode()


def split_name(name: bytes) -> tuple[str, str]:
    """Kind and key of a name."""
    kind, _, key = name.decode().partition("\0")
    return kind, key


def write_access_file(path: Path, seq: int, records: Mapping[bytes, Body]) -> None:
    """Write the file whole, beside its name first: a reader never sees half of it.

    Errors: OSError on a full disk; the old file is left as it was.
    """
    named = {**records, **_by_application(records)}
    length = 1 << max(4, (len(named) * 2).bit_length())
    table = [(0, 0)] * length
    parts: list[bytes] = []
    offset = 0
    for name, body in named.items():
        part = _RECORD.pack(len(name), len(body)) + name + body
        place = _hash(name) % length
        while table[place][1]:
            place = (place + 1) % length
        table[place] = (_hash(name), offset + 1)
        parts.append(part)
        offset += len(part)
    data = b"".join(parts)
    flat = b"".join(_ENTRY.pack(*entry) for entry in table)
    temporary = path.with_suffix(".new")
    header = _HEADER.pack(MAGIC, seq, len(records), length)
    content = flat + data
    with temporary.open("wb") as file:
        file.write(header + _CRC.pack(zlib.crc32(content, zlib.crc32(header))) + content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _by_application(records: Mapping[bytes, Body]) -> dict[bytes, Body]:
    """For each application the ids of the subscriptions that list it."""
    found: dict[str, list[str]] = {}
    for name, body in records.items():
        kind, key = split_name(name)
        if kind == "subscription":
            for application in msgspec.json.decode(body)["applications"]:
                found.setdefault(application, []).append(key)
    return {record_name(BY_APPLICATION, application): msgspec.json.encode(ids) for application, ids in found.items()}


def _hash(name: bytes) -> int:
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "little")


class AccessFile:
    """A mapped file of access records."""

    def __init__(self, path: Path, *, is_checked: bool = False) -> None:
        """is_checked = read all of it and compare the CRC.

        Errors: AccessFileInvalid; OSError when it cannot be opened.
        """
        with path.open("rb") as file:
            try:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
                magic, self.seq, self.count, self._length = _HEADER.unpack_from(self._map, 0)
                (crc,) = _CRC.unpack_from(self._map, _HEADER.size)
            except (ValueError, struct.error) as error:
                raise AccessFileInvalid(str(path)) from error
        self._data = _TABLE + self._length * _ENTRY.size
        if magic != MAGIC or self._data > len(self._map):
            raise AccessFileInvalid(str(path))
        if is_checked and zlib.crc32(memoryview(self._map)[_TABLE:], zlib.crc32(self._map[: _HEADER.size])) != crc:
            raise AccessFileInvalid(str(path))

    def find(self, name: bytes) -> Body | None:
        """The body of the record with this name."""
        wanted = _hash(name)
        place = wanted % self._length
        while True:
            found, offset = _ENTRY.unpack_from(self._map, _TABLE + place * _ENTRY.size)
            if not offset:
                return None
            if found == wanted:
                start = self._data + offset - 1
                name_length, body_length = _RECORD.unpack_from(self._map, start)
                start += _RECORD.size
                if self._map[start : start + name_length] == name:
                    return self._map[start + name_length : start + name_length + body_length]
            place = (place + 1) % self._length

    def records(self) -> Iterator[tuple[bytes, Body]]:
        """All records that were given to write_access_file."""
        offset = self._data
        while offset < len(self._map):
            name_length, body_length = _RECORD.unpack_from(self._map, offset)
            start = offset + _RECORD.size
            offset = start + name_length + body_length
            name = self._map[start : start + name_length]
            if split_name(name)[0] != BY_APPLICATION:
                yield name, self._map[start + name_length : offset]


def encode_records(records: Iterable[tuple[str, str, object | None]]) -> list[tuple[bytes, Body | None]]:
    """Records as they travel, in the form they are kept in; None removes."""
    return [
        (record_name(kind, key), None if body is None else msgspec.json.encode(body)) for kind, key, body in records
    ]
