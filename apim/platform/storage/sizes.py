"""How many rows and bytes tables take: estimates of the database where counting would read them whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Model, Sum

from apim.usage.models import RecordFile

_LARGEST_WALK: Final = 512 * 2**20  # dbstat reads every page of the file


@dataclass(frozen=True, slots=True)
class Size:
    """Shapes: bytes None = not measured. Rows are an estimate on PostgreSQL."""

    rows: int
    bytes: int | None


def sizes(models: Iterable[type[Model]]) -> dict[str, Size]:
    """The size of each model's table with its indexes, by the table's name."""
    tables = {model._meta.db_table: model for model in models}  # noqa: SLF001 - documented
    if connection.vendor == "postgresql":
        return _of_postgresql(tables)
    held = _bytes_of_sqlite()
    return {name: Size(model._default_manager.count(), held.get(name)) for name, model in tables.items()}  # noqa: SLF001


def of_record_files() -> Size:
    """What the files of records hold and take, beside the database."""
    told = RecordFile.objects.aggregate(records=Sum("records"), bytes=Sum("bytes"))
    return Size(told["records"] or 0, told["bytes"] or 0)


def _of_postgresql(tables: Mapping[str, type[Model]]) -> dict[str, Size]:
    with connection.cursor() as cursor:
        cursor.execute(
            # The parts of a divided table stand for it: alone it is empty.
            "SELECT whole.relname, CASE WHEN MAX(part.reltuples) FILTER (WHERE part.relkind = 'r') < 0 THEN -1"
            " ELSE SUM(GREATEST(part.reltuples, 0)) FILTER (WHERE part.relkind = 'r') END::bigint,"
            " SUM(pg_total_relation_size(part.oid))::bigint FROM pg_class whole"
            " LEFT JOIN pg_inherits ON inhparent = whole.oid JOIN pg_class part ON part.oid IN (inhrelid, whole.oid)"
            " WHERE whole.relname = ANY(%s) AND whole.relkind IN ('r', 'p')"
            " AND whole.relnamespace = current_schema()::regnamespace GROUP BY whole.relname",
            [list(tables)],
        )
        found = {name: (rows, size) for name, rows, size in cursor.fetchall()}
    return {
        name: Size(rows if rows >= 0 else tables[name]._default_manager.count(), size)  # noqa: SLF001 - never analyzed
        for name, (rows, size) in found.items()
    }


def _bytes_of_sqlite() -> dict[str, int]:
    """Bytes by table; nothing for a large file, or where SQLite was built without dbstat."""
    try:
        if (settings.ENV.home / "db.sqlite3").stat().st_size > _LARGEST_WALK:
            return {}
    except OSError:
        return {}
    owner = (
        "SELECT COALESCE(s.tbl_name, d.name), SUM(d.pgsize) FROM dbstat('main', 1) d"
        " LEFT JOIN sqlite_schema s ON s.name = d.name GROUP BY 1"
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(owner)
            return {name: int(size) for name, size in cursor.fetchall()}
    except DatabaseError:
        return {}
