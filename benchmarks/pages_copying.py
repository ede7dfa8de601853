"""Many rows into a table at once: by COPY where there is one, with indexes made afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import connection, models

_CHUNK = 20_000


def copy(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Rows of values."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor, cursor.copy(_statement("COPY", model, names, "FROM STDIN")) as copied:
            for row in rows:
                copied.write_row(row)
        return
    adapt = connection.ops.adapt_datetimefield_value
    _insert(model, names, ([adapt(each) if isinstance(each, datetime) else each for each in row] for row in rows))


def copy_text(model: type[models.Model], names: Sequence[str], text: str) -> None:
    """Rows as COPY reads them: a line each, values between tabs, times in UTC without an offset."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor, cursor.copy(_statement("COPY", model, names, "FROM STDIN")) as copied:
            copied.write(text)
        return
    _insert(model, names, (line.split("\t") for line in text.splitlines()))


@contextmanager
def without_indexes(model: type[models.Model]) -> Iterator[None]:
    """PostgreSQL alone: the table without its indexes within the block; to make them at once takes far less time.

    Shapes: what it may use of memory for that holds until the transaction ends, for sums made thereafter.
    """
    if connection.vendor != "postgresql":
        yield
        return
    options = model._meta  # noqa: SLF001 - public by custom
    with connection.schema_editor() as editor:
        for constraint in options.constraints:
            editor.remove_constraint(model, constraint)
        for index in options.indexes:
            editor.remove_index(model, index)
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        cursor.execute("SET LOCAL work_mem = '256MB'")
    with connection.schema_editor() as editor:
        for constraint in options.constraints:
            editor.add_constraint(model, constraint)
        for index in options.indexes:
            editor.add_index(model, index)


def _insert(model: type[models.Model], names: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    places = ", ".join(["%s"] * len(names))
    statement = _statement("INSERT INTO", model, names, f"VALUES ({places})")
    with connection.cursor() as cursor:
        while chunk := list(islice(rows, _CHUNK)):
            cursor.executemany(statement, chunk)


def _statement(verb: str, model: type[models.Model], names: Sequence[str], end: str) -> str:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(name) for name in names)
    return f"{verb} {quote(model._meta.db_table)} ({columns}) {end}"  # noqa: SLF001 - public by custom
