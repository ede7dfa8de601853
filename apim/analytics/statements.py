"""Statements that add up roll-ups, as text: a few shapes that pages ask again and again.

Django takes longer to compile one of these than the database to answer it. Pure but for the database's dialect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from apim.analytics.windows import Stretch, Window


class Clause(NamedTuple):
    """A part of a statement. Shapes: sql has a %s for each of params."""

    sql: str
    params: tuple[Any, ...] = ()


def fetch(statement: Clause) -> list[tuple[Any, ...]]:
    """Its rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement.sql, statement.params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def summed(table: str | Clause, names: Sequence[str], sums: Sequence[Clause], *where: Clause) -> Clause:
    """What the rows of a table that meet all of where add up to, by names; all of them together for no name."""
    columns = ", ".join([*names, *(each.sql for each in sums)])
    conditions = " AND ".join(each.sql for each in where) or "1 = 1"
    groups = f" GROUP BY {', '.join(str(place + 1) for place in range(len(names)))}" if names else ""
    rows = table if isinstance(table, Clause) else Clause(table)
    statement = f"SELECT {columns} FROM {rows.sql} WHERE {conditions}{groups}"  # noqa: S608 - of names of our own alone
    return Clause(statement, tuple(value for each in (*sums, rows, *where) for value in each.params))


def total(column: str, *conditions: Clause) -> Clause:
    """The sum of a column of whole numbers over the rows that meet all of conditions; 0 for none of them.

    PostgreSQL sums such up to decimals: to read these takes longer than to make them.
    """
    if not conditions:
        return Clause(f"CAST(SUM({column}) AS bigint)")
    met = " AND ".join(each.sql for each in conditions)
    params = tuple(value for each in conditions for value in each.params)
    return Clause(f"CAST(SUM(CASE WHEN {met} THEN {column} ELSE 0 END) AS bigint)", params)


def meeting(values: Mapping[str, object]) -> Clause:
    """The rows with these values. Shapes: by column a value, or several of which a row has one, or a query for them."""
    parts, params = ["1 = 1"], list[Any]()
    for column, value in values.items():
        if isinstance(value, QuerySet):
            sql, given = value.query.sql_with_params()
            parts.append(f"{column} IN ({sql})")
            params += given
        elif isinstance(value, str | int):
            parts.append(f"{column} = %s")
            params.append(value)
        else:
            among = list(value)  # type: ignore[call-overload]  # the rest are collections
            parts.append(_is_one_of(column, among))
            params += [among] if among and connection.vendor == "postgresql" else among
    return Clause(" AND ".join(parts), tuple(params))


def _is_one_of(column: str, values: Sequence[object]) -> str:
    """One blank where the database has lists: to fill in hundreds takes longer than to look them up."""
    if not values:
        return "1 = 0"
    is_list = connection.vendor == "postgresql"
    return f"{column} = ANY(%s)" if is_list else f"{column} IN ({', '.join(['%s'] * len(values))})"


def within(stretch: Stretch) -> Clause:
    """The roll-ups of a stretch."""
    parts = " OR ".join(["period = %s AND at >= %s AND at < %s"] * len(stretch.parts))
    times = ((part.period, adapted(part.since), adapted(part.until)) for part in stretch.parts)
    return Clause(f"({parts})", tuple(value for part in times for value in part))


def either(first: Clause, second: Clause) -> Clause:
    """What meets one of two."""
    return Clause(f"({first.sql} OR {second.sql})", (*first.params, *second.params))


def step_of(window: Window) -> str:
    """The number of the step of a window that holds the moment of a row; the first one is 0."""
    if connection.vendor == "postgresql":
        seconds = "DATE_PART('epoch', at)::bigint"
    else:
        seconds = "CAST(STRFTIME('%%s', at) AS INTEGER)"
    return f"(({seconds} - {int(window.since.timestamp())}) / {int(window.step.total_seconds())})"


def adapted(at: datetime) -> Any:
    """A moment as the database compares it."""
    return connection.ops.adapt_datetimefield_value(at)
