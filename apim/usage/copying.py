"""Records written to PostgreSQL as its binary COPY takes them: a fifth of what an insertion with parameters costs.

Owns: the layout of a row. Constants are packed once for each caller and operation, since thousands of records share
them; what a record has alone, its numbers, its id and its path, is one packing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence

from django.db import connection, transaction

from apim.usage.receiving import Fresh
from gateway_sync import usage_wire

_COLUMNS = (
    "gateway_id", "boot", "environment_id",
    "version_id", "operation", "organization_id", "application_id", "credential_id", "subscription_id",
    "plan_version_id",
    "code",
    "seq", "at", "status", "is_indeterminate", "duration_us", "upstream_us", "request_bytes", "response_bytes",
    "request_id", "path", "client_request_id",
)  # fmt: skip
_COPY = f"COPY usage_usagerecord ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_BEGIN, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_FIELDS = struct.pack(">h", len(_COLUMNS))
_LENGTH = struct.Struct(">i")
_NOTHING = _LENGTH.pack(0)
# Each number after the length of its field: seq, at, status, is_indeterminate, two durations, two sizes; then two texts
# of these lengths.
_ALONE = ">iqiqihi?iiiiiqiqi{}si{}s"
_EPOCH_US = 946_684_800_000_000  # PostgreSQL counts from 2000
_CHUNK = 2_000  # rows of one write

_Packings = dict[tuple[int, int], Callable[..., bytes]]


def copy_records(fresh: Sequence[Fresh], operation_at_most: int) -> bool:
    """Store the events; False when one is there already: then none was stored.

    That is so only of a batch that a process of an earlier release took in meanwhile, which notes no numbers.
    """
    from psycopg.errors import UniqueViolation  # noqa: PLC0415 - an installation on SQLite may be without it

    try:
        with transaction.atomic(), connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.write(_BEGIN)
            for chunk in _chunks(fresh, operation_at_most):
                copy.write(chunk)
            copy.write(_END)
    except UniqueViolation:
        return False
    return True


def _chunks(fresh: Sequence[Fresh], operation_at_most: int) -> Iterator[bytes]:
    packings: _Packings = {}
    for each in fresh:
        for start in range(0, len(each.events), _CHUNK):
            yield b"".join(_rows(each, each.events[start : start + _CHUNK], operation_at_most, packings))


def _rows(
    each: Fresh, events: Iterable[usage_wire.UsageEvent], operation_at_most: int, packings: _Packings
) -> list[bytes]:
    heads: dict[tuple[int, str], bytes] = {}
    of_gateway = (each.gateway.pk, each.boot, each.gateway.environment_id)
    rows = []
    for event in events:
        context, code = event.context, event.code
        head = heads.get((id(context), code))
        if head is None:
            texts = (*of_gateway, *_told(context, operation_at_most), code)
            head = heads[id(context), code] = _FIELDS + b"".join(map(_text, texts))
        request_id, path, client = event.request_id.encode(), event.path.encode(), event.client_request_id
        lengths = (len(request_id), len(path))
        pack = packings.get(lengths)
        if pack is None:
            pack = packings[lengths] = struct.Struct(_ALONE.format(*lengths)).pack
        rows.append(
            head
            + pack(
                8, event.seq, 8, event.at_us - _EPOCH_US, 2, event.status, 1, event.is_indeterminate,
                4, event.duration_us, 4, event.upstream_us, 8, event.request_bytes, 8, event.response_bytes,
                lengths[0], request_id, lengths[1], path,
            )
            + (_text(client) if client else _NOTHING)
        )  # fmt: skip
    return rows


def _told(context: usage_wire.UsageContext, operation_at_most: int) -> Iterable[str]:
    return (
        context.version_id, context.operation[:operation_at_most], context.organization, context.application,
        context.credential, context.subscription, context.plan,
    )  # fmt: skip


def _text(text: str) -> bytes:
    content = text.encode()
    return _LENGTH.pack(len(content)) + content
