"""Columns reach PostgreSQL as they are, and its errors come as Django's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db.utils import DataError

pytestmark = [pytest.mark.django_db, pytest.mark.postgresql]

WHEN = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_name", "values"),
    [
        ("varchar", ['a"b', "a\\", "{x,y}", "NULL", "", " blank ", "a\n\t\x1fb", "ü%s'", "日本", "NULL"]),
        ("text", ["", "x" * 100_000]),
        ("bigint", [0, 1, -1, 2**63 - 1, -(2**63), 1]),
        ("integer", [2**31 - 1, -(2**31)]),
        ("smallint", [0, 599]),
        ("boolean", [True, False, True]),
        (
            "timestamp with time zone",
            [WHEN, datetime(1970, 1, 1, tzinfo=UTC), WHEN.astimezone(timezone(timedelta(hours=9)))],
        ),
    ],
)
def test_a_column_comes_back_as_it_was_bound(type_name: str, values: list[Any]) -> None:
    from apim.usage.binary_columns import Column, cursor  # noqa: PLC0415 - an installation may be without psycopg

    with cursor() as bound:
        bound.execute(f"SELECT * FROM unnest(%s::{type_name}[])", [Column(type_name, values)])
        assert [row[0] for row in bound.fetchall()] == values


def test_what_the_database_refuses_is_an_error_of_django() -> None:
    from apim.usage.binary_columns import Column, cursor  # noqa: PLC0415 - as above

    with pytest.raises(DataError), cursor() as bound:
        bound.execute("SELECT * FROM unnest(%s::varchar[])", [Column("varchar", ["a\0b"])])
