"""What supervisor and worker say to each other: one JSON object a line over a socket pair."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from gateway_sync.runtime.bounds import Given

LIMIT = 64 * 2**20


class Settings(msgspec.Struct, tag="settings"):
    """The first word to a worker.

    Shapes: pepper and sealing_key in hex; paths are of this host; own_addresses are never proxied to.
    """

    slot: int
    boot: str
    workers: int
    home: str
    pepper: str
    port: int
    pseudonym: str
    own_addresses: tuple[str, ...]
    generation: str
    digest: str
    access_file: str
    access_changes: list[tuple[bytes, bytes | None]]
    access_seq: int
    spool_bytes: int
    given: Given
    tls_port: int = 0
    sealing_key: str = ""


class Apply(msgspec.Struct, tag="apply"):
    """Use this generation, of this digest, from now on."""

    generation: str
    digest: str


class ApplyAccess(msgspec.Struct, tag="access"):
    """Take these access changes in; with access_file, begin anew from that file."""

    records: Sequence[tuple[bytes, bytes | None]]
    upto: int
    access_file: str = ""


class Applied(msgspec.Struct, tag="applied"):
    """What a worker has in force.

    Shapes: problems as [code, message] of what it could not use; refused is the digest of a state that it could not
    take over at all.
    """

    revision: int
    digest: str
    access_seq: int
    problems: list[tuple[str, str]] = []
    refused: str = ""


_ENCODER = msgspec.json.Encoder()
_TO_WORKER = msgspec.json.Decoder(Settings | Apply | ApplyAccess)
_FROM_WORKER = msgspec.json.Decoder(Applied)


def encode(message: Settings | Apply | ApplyAccess | Applied) -> bytes:
    """One line."""
    return _ENCODER.encode(message) + b"\n"


def decode_order(line: bytes) -> Settings | Apply | ApplyAccess:
    """A line from the supervisor."""
    order: Settings | Apply | ApplyAccess = _TO_WORKER.decode(line)
    return order


def decode_answer(line: bytes) -> Applied:
    """A line from a worker."""
    return _FROM_WORKER.decode(line)
