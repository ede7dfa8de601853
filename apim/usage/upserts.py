"""The two statements that make ingestion exact, in SQL that SQLite and PostgreSQL share.

Owns: insert-unless-present that tells which rows were new, and insert-or-add. Must not know: what the rows mean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from django.db import connection, models

_VARIABLES_A_STATEMENT = 30_000  # SQLite refuses more than 32,766
# A sum that is larger stays as it is: no honest one comes near, and one that is beyond a column's numbers would refuse
# the usage of everybody who adds to it. What is added at once is far smaller: see usage_wire.MOST_BYTES.
_FULL = 2**62

Row = tuple[Any, ...]


def insert_new(model: type[models.Model], names: Sequence[str], rows: Sequence[Row], returning: str) -> set[Any]:
    """The values of field `returning` of the rows that were not there before; the others change nothing.

    Shapes: rows holds the values of the fields `names`, in order.
    """
    new: set[Any] = set()
    with _cursor() as cursor:
        for statement, values in _insertions(model, names, rows):
            cursor.execute(
                f"{statement} ON CONFLICT DO NOTHING RETURNING {connection.ops.quote_name(returning)}", values
            )
            new.update(row[0] for row in cursor.fetchall())
    return new


def add_up(
    model: type[models.Model],
    dimensions: Sequence[str],
    sums: Sequence[str],
    rows: Mapping[Row, Sequence[Any]],
    *,
    bits: Collection[str] = (),
    latest: Collection[str] = (),
) -> None:
    """Add to the sums of the rows with these dimensions, making the rows that are missing.

    Shapes: rows maps the values of dimensions to the values of sums, both in order. Of the sums, those in bits are
    joined bit by bit, and of those in latest the later one stays. A sum that is full stays as it is.
    """
    conflict = _conflict(model, dimensions, sums, bits=bits, latest=latest)
    # Sorted: two transactions that add to the same rows lock them in the same order, so neither waits for the other.
    ordered = [(*key, *amounts) for key, amounts in sorted(rows.items())]
    with _cursor() as cursor:
        for statement, values in _insertions(model, [*dimensions, *sums], ordered):
            cursor.execute(f"{statement} {conflict}", values)


def add_up_named(
    model: type[models.Model],
    dimensions: Sequence[str],
    sums: Sequence[str],
    rows: Mapping[Row, Sequence[Any]],
    *,
    name: str,
    by: str,
    names: Mapping[str, str],
) -> dict[Row, str]:
    """As add_up, and rows that are made are given a name; what rows are named that have another one.

    Shapes: names by the value of the dimension `by`, '' where there is none; returns names by the values of dimensions.
    """
    place = dimensions.index(by)
    ordered = [(*key, *amounts, names.get(key[place], "")) for key, amounts in sorted(rows.items())]
    told = ", ".join(map(connection.ops.quote_name, (*dimensions, name)))
    returning = f" RETURNING {told}" if names else ""
    found: list[Row] = []
    with _cursor() as cursor:
        for insertion, values in _insertions(model, [*dimensions, *sums, name], ordered):
            statement, more = f"{insertion} {_conflict(model, dimensions, sums)}{returning}", list[Any]()
            if names and connection.vendor == "postgresql":
                statement, more = _others(statement, told, (by, name), names)
            cursor.execute(statement, [*values, *more])
            found += cursor.fetchall() if names else ()
    others = {tuple(key): was for *key, was in found if names.get(key[place], was) != was}
    return others if connection.vendor == "postgresql" or not others else _as_given(model, dimensions, rows, others)


def _others(statement: str, told: str, columns: tuple[str, str], names: Mapping[str, str]) -> tuple[str, list[Any]]:
    """The statement that returns those rows alone that have another name; its further parameters."""
    from apim.usage.binary_columns import Column  # noqa: PLC0415 - knows psycopg

    by, name = map(connection.ops.quote_name, columns)
    usual = "unnest(%s::text[], %s::text[]) AS usual (value, name)"
    only = f"SELECT {told} FROM added JOIN {usual} ON added.{by} = usual.value WHERE added.{name} <> usual.name"  # noqa: S608 - names of columns
    return f"WITH added AS ({statement}) {only}", [Column("text", list(names)), Column("text", list(names.values()))]


def _as_given(
    model: type[models.Model], dimensions: Sequence[str], rows: Mapping[Row, Sequence[Any]], found: Mapping[Row, str]
) -> dict[Row, str]:
    """What was found by the values as SQLite keeps them, by those that were given."""
    concrete = {field.attname: field for field in model._meta.concrete_fields}  # noqa: SLF001 - public by custom
    kept = zip(
        *(_adapted(concrete[name], column) for name, column in zip(dimensions, zip(*rows, strict=True), strict=True)),
        strict=True,
    )
    given = {tuple(map(str, key)): row for key, row in zip(kept, rows, strict=True)}
    return {given[tuple(map(str, key))]: was for key, was in found.items()}


def _conflict(
    model: type[models.Model],
    dimensions: Sequence[str],
    sums: Sequence[str],
    *,
    bits: Collection[str] = (),
    latest: Collection[str] = (),
) -> str:
    """What becomes of a row whose dimensions are there already."""
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)  # noqa: SLF001 - public by custom
    later = "GREATEST({}, {})" if connection.vendor == "postgresql" else "MAX({}, {})"
    add = f"CASE WHEN {{0}} > {_FULL} THEN {{0}} ELSE {{0}} + {{1}} END"
    joins = {name: later if name in latest else "{} | {}" if name in bits else add for name in sums}
    added = ", ".join(
        f"{quote(name)} = {join.format(f'{table}.{quote(name)}', f'excluded.{quote(name)}')}"
        for name, join in joins.items()
    )
    return f"ON CONFLICT ({', '.join(map(quote, dimensions))}) DO UPDATE SET {added}"


def _insertions(
    model: type[models.Model], names: Sequence[str], rows: Sequence[Row]
) -> Iterator[tuple[str, list[Any]]]:
    """The beginning of each statement that inserts rows, and its parameters: one a column, or one a value.

    Names come from the models and are quoted; every value is a parameter.
    """
    if not rows:
        return
    meta = model._meta  # noqa: SLF001 - public by custom
    quote = connection.ops.quote_name
    concrete = {field.attname: field for field in meta.concrete_fields}
    fields = [concrete[name] for name in names]
    into = f"INSERT INTO {quote(meta.db_table)} ({', '.join(quote(str(field.column)) for field in fields)})"
    columns = list(zip(*rows, strict=True))
    if connection.vendor == "postgresql":  # a parameter a column: a parameter a value takes ten times as long
        from apim.usage.binary_columns import Column  # noqa: PLC0415 - knows psycopg

        types = [_type(field) for field in fields]
        arrays = ", ".join(f"%s::{each}[]" for each in types)
        parameters = [Column(each, values) for each, values in zip(types, columns, strict=True)]
        yield f"{into} SELECT * FROM unnest({arrays})", parameters  # noqa: S608 - as the docstring says
        return
    adapted = [_adapted(field, values) for field, values in zip(fields, columns, strict=True)]
    size = _VARIABLES_A_STATEMENT // len(fields)
    for start in range(0, len(rows), size):
        chunk = [column[start : start + size] for column in adapted]
        places = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(chunk[0]))
        yield f"{into} VALUES {places}", [value for row in zip(*chunk, strict=True) for value in row]


def _cursor() -> AbstractContextManager[Any]:
    if connection.vendor != "postgresql":
        return connection.cursor()
    from apim.usage.binary_columns import cursor  # noqa: PLC0415 - knows psycopg

    return cursor()


def _adapted(field: models.Field[Any, Any], values: Sequence[Any]) -> Sequence[Any]:
    """The values as SQLite keeps them; most moments repeat, so each is made once."""
    if not isinstance(field, models.DateTimeField):
        return values
    made = {value: connection.ops.adapt_datetimefield_value(value) for value in set(values)}
    return [made[value] for value in values]


def _type(field: models.Field[Any, Any]) -> str:
    """Without the length, by which a cast would cut off silently what an insert refuses."""
    return str(field.db_type(connection)).partition("(")[0]
