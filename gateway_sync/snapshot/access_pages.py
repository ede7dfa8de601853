"""Pages of access records: what their signature covers, and what stands for a whole table of them."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import msgspec

from gateway_sync.snapshot.fragments import canonical_bytes

_BYTES: Final = 16
_RING: Final = 1 << (8 * _BYTES)


class AccessCheck(msgspec.Struct, frozen=True):
    """What the access records of an environment were at one number of its log.

    Shapes: digest as TableDigest writes it; at = when they were read, seconds of the epoch.
    """

    seq: int
    digest: str
    at: int


class TableDigest:
    """Stands for a set of records, whatever their order; adding and removing cost the same for any size."""

    __slots__ = ("_count", "_sum")

    def __init__(self) -> None:
        """Of no record."""
        self._count = 0
        self._sum = 0

    def add(self, name: bytes, body: object) -> None:
        """A record is there. Shapes: name as gateways keep it, kind, 0 and key; body as JSON values."""
        self._count += 1
        self._sum = (self._sum + _number(name, body)) % _RING

    def remove(self, name: bytes, body: object) -> None:
        """A record that was there is gone."""
        self._count -= 1
        self._sum = (self._sum - _number(name, body)) % _RING

    def join(self, other: TableDigest) -> TableDigest:
        """That of both together."""
        joined = TableDigest()
        joined._count, joined._sum = self._count + other._count, (self._sum + other._sum) % _RING
        return joined

    def text(self) -> str:
        """What both sides compare."""
        return f"{self._count}:{self._sum:0{2 * _BYTES}x}"


def _number(name: bytes, body: object) -> int:
    return int.from_bytes(blake2b(name + b"\0" + canonical_bytes(body), digest_size=_BYTES).digest(), "big")


def page_bytes(environment: str, after: int, upto: int, records: str, *, is_full: bool, more: bool) -> bytes:
    """What the signature of a page covers. Shapes: records is the digest of their JSON, byte for byte as it travels."""
    page = {"after": after, "upto": upto, "is_full": is_full, "more": more, "records": records}
    return canonical_bytes({"access": page, "environment": environment})
