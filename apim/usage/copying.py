"""Records written to PostgreSQL as its binary COPY takes them: a fifth of what an insertion with parameters costs.

Owns: the layout of a row. Constants are packed once for each caller and operation, since thousands of records share
them; of a record alone are one packing of its numbers and three texts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from django.db import connection, transaction

from apim.usage.receiving import Fresh
from gateway_sync import usage_wire

_COLUMNS = (
    "gateway_id", "boot", "environment_id",
    "version_id", "operation", "organization_id", "application_id", "credential_id", "subscription_id",
    "plan_version_id",
    "seq", "at", "status", "is_indeterminate", "duration_us", "upstream_us", "request_bytes", "response_bytes",
    "code", "request_id", "client_request_id", "path",
)  # fmt: skip
_COPY = f"COPY usage_usagerecord ({', '.join(_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
_BEGIN, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_FIELDS = struct.pack(">h", len(_COLUMNS))
_LENGTH = struct.Struct(">i")
# Each number after the length of its field: seq, at, status, is_indeterminate, two durations, two sizes.
_NUMBERS = struct.Struct(">iqiqihi?iiiiiqiq")
_EPOCH_US = 946_684_800_000_000  # PostgreSQL counts from 2000
_CHUNK = 2_000  # rows of one write


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
    for each in fresh:
        for start in range(0, len(each.events), _CHUNK):
            yield b"".join(_rows(each, each.events[start : start + _CHUNK], operation_at_most))


def _rows(each: Fresh, events: Iterable[usage_wire.UsageEvent], operation_at_most: int) -> Iterator[bytes]:
    heads: dict[int, bytes] = {}
    codes: dict[str, bytes] = {}
    of_gateway = (each.gateway.pk, each.boot, each.gateway.environment_id)
    for event in events:
        context = event.context
        head = heads.get(id(context))
        if head is None:
            version_id, operation, *others = (
                context.version_id, context.operation, context.organization, context.application, context.credential,
                context.subscription, context.plan,
            )  # fmt: skip
            texts = (*of_gateway, version_id, operation[:operation_at_most], *others)
            head = heads[id(context)] = _FIELDS + b"".join(map(_text, texts))
        code = codes.get(event.code)
        if code is None:
            code = codes[event.code] = _text(event.code)
        numbers = _NUMBERS.pack(
            8, event.seq, 8, event.at_us - _EPOCH_US, 2, event.status, 1, event.is_indeterminate,
            4, event.duration_us, 4, event.upstream_us, 8, event.request_bytes, 8, event.response_bytes,
        )  # fmt: skip
        yield head + numbers + code + _text(event.request_id) + _text(event.client_request_id) + _text(event.path)


def _text(text: str) -> bytes:
    content = text.encode()
    return _LENGTH.pack(len(content)) + content
