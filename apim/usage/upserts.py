"""The two statements that make ingestion exact, in SQL that SQLite and PostgreSQL share.

Owns: insert-unless-present that tells which rows were new, and insert-or-add. Must not know: what the rows mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from django.db import connection, models

_VARIABLES_A_STATEMENT = 30_000  # SQLite refuses more than 32,766

Row = TypeVar("Row")


def insert_new(model: type[models.Model], rows: Sequence[models.Model], returning: str) -> set[Any]:
    """The values of field `returning` of the rows that were not there before; the others change nothing."""
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]  # noqa: SLF001 - public by custom
    columns = [str(field.column) for field in fields]
    new: set[Any] = set()
    for chunk in _chunks(rows, len(fields)):
        values = [
            field.get_db_prep_save(field.pre_save(row, add=True), connection) for row in chunk for field in fields
        ]
        with connection.cursor() as cursor:
            cursor.execute(
                f"{_insert(model, columns, len(chunk))} "
                f"ON CONFLICT DO NOTHING RETURNING {connection.ops.quote_name(returning)}",
                values,
            )
            new.update(row[0] for row in cursor.fetchall())
    return new


def add_up(
    model: type[models.Model],
    dimensions: Sequence[str],
    sums: Sequence[str],
    rows: Mapping[tuple[Any, ...], Sequence[int]],
) -> None:
    """Add to the sums of the rows with these dimensions, making the rows that are missing.

    Shapes: rows maps the values of dimensions to the values of sums, both in order.
    """
    names = [*dimensions, *sums]
    quote = connection.ops.quote_name
    meta = model._meta  # noqa: SLF001 - public by custom
    concrete = {field.name: field for field in meta.concrete_fields}
    fields = [concrete[name] for name in names]
    table = quote(meta.db_table)
    added = ", ".join(f"{quote(name)} = {table}.{quote(name)} + excluded.{quote(name)}" for name in sums)
    # Sorted: two transactions that add to the same rows lock them in the same order, so neither waits for the other.
    for chunk in _chunks(sorted(rows.items()), len(names)):
        values = [
            field.get_db_prep_save(value, connection)
            for key, amounts in chunk
            for field, value in zip(fields, (*key, *amounts), strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.execute(
                f"{_insert(model, names, len(chunk))} "
                f"ON CONFLICT ({', '.join(map(quote, dimensions))}) DO UPDATE SET {added}",
                values,
            )


def _insert(model: type[models.Model], columns: Sequence[str], rows: int) -> str:
    quote = connection.ops.quote_name
    places = ", ".join([f"({', '.join(['%s'] * len(columns))})"] * rows)
    table = quote(model._meta.db_table)  # noqa: SLF001 - public by custom
    # Names come from the models and are quoted; every value is a parameter.
    return f"INSERT INTO {table} ({', '.join(map(quote, columns))}) VALUES {places}"  # noqa: S608


def _chunks(rows: Sequence[Row], columns: int) -> Iterator[Sequence[Row]]:
    size = _VARIABLES_A_STATEMENT // columns
    return (rows[start : start + size] for start in range(0, len(rows), size))
