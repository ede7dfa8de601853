"""Columns of rows as the binary arrays of PostgreSQL, bound by the server: no literal of megabytes is written or read.

Owns: the layout of an array, and the cursor that binds it. Imported where the database is PostgreSQL, for an
installation on SQLite may be without psycopg.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.db import connection
from psycopg import Cursor
from psycopg.adapt import Dumper
from psycopg.pq import Format

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIRST_DAY: Final = date(2000, 1, 1)
_MICROSECOND: Final = timedelta(microseconds=1)
_LENGTH: Final = struct.Struct(">i").pack
_EIGHT: Final = struct.Struct(">iq").pack
_FOUR: Final = struct.Struct(">ii").pack
_TWO: Final = struct.Struct(">ih").pack
_ONE: Final = struct.Struct(">i?").pack
_HEAD: Final = struct.Struct(">iiIii").pack  # dimensions, whether there are nulls, type, length, first place


class Column:
    """The values of a column, none of them null. Shapes: type_name as the database names it, without a length."""

    __slots__ = ("content",)

    def __init__(self, type_name: str, values: Sequence[Any]) -> None:
        """Most values repeat, so each is packed once."""
        oid, pack = _TYPES[type_name]
        packed = {value: pack(value) for value in set(values)}
        self.content = _HEAD(1, 0, oid, len(values), 1) + b"".join([packed[value] for value in values])


@contextmanager
def cursor() -> Iterator[Cursor[Any]]:
    """A cursor of Django's connection that takes columns as parameters. Errors: Django's."""
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as found:
        found.adapters.register_dumper(Column, _ColumnDumper)
        yield found


class _ColumnDumper(Dumper):
    format = Format.BINARY
    oid = 0  # what the statement casts it to

    def dump(self, obj: Column) -> bytes:
        return obj.content


def _text(value: str) -> bytes:
    content = value.encode()
    return _LENGTH(len(content)) + content


_TYPES: Final[dict[str, tuple[int, Callable[[Any], bytes]]]] = {
    "varchar": (1043, _text),
    "text": (25, _text),
    "bigint": (20, lambda value: _EIGHT(8, value)),
    "integer": (23, lambda value: _FOUR(4, value)),
    "smallint": (21, lambda value: _TWO(2, value)),
    "boolean": (16, lambda value: _ONE(1, value)),
    "date": (1082, lambda value: _FOUR(4, (value - _FIRST_DAY).days)),
    "timestamp with time zone": (1184, lambda value: _EIGHT(8, (value - _EPOCH) // _MICROSECOND)),
}
