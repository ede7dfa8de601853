"""What both databases are asked to compute: sums as whole numbers, and the step of a window that holds a moment."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigIntegerField, Func, IntegerField, Sum
from django.db.models.sql.compiler import SQLCompiler

from apim.analytics.windows import Window

_Sql = tuple[str, Any]


class Total(Sum):
    """The sum of whole numbers as one; None of no rows.

    PostgreSQL sums them up to decimals: to read these takes longer than to make them.
    """

    output_field = BigIntegerField()

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> _Sql:  # type: ignore[override]
        """SUM as a whole number."""
        sql, params = super().as_sql(compiler, connection, **context)
        return f"CAST({sql} AS bigint)", params

    def get_db_converters(self, connection: BaseDatabaseWrapper) -> list[Any]:  # noqa: ARG002 - as Django calls it
        """None: it is a whole number already."""
        return []


class StepOf(Func):
    """The number of the step of a window that holds the moment of a row; the first one is 0."""

    output_field = IntegerField()

    def __init__(self, window: Window, moment: str = "at") -> None:
        since, step = int(window.since.timestamp()), int(window.step.total_seconds())
        super().__init__(moment, since=since, step=step)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> _Sql:
        """By seconds since 1970."""
        template = "((DATE_PART('epoch', %(expressions)s)::bigint - %(since)s) / %(step)s)"
        return super().as_sql(compiler, connection, template=template, **context)

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> _Sql:
        """By seconds since 1970."""
        template = "((CAST(STRFTIME('%%%%s', %(expressions)s) AS INTEGER) - %(since)s) / %(step)s)"
        return super().as_sql(compiler, connection, template=template, **context)

    def get_db_converters(self, connection: BaseDatabaseWrapper) -> list[Any]:  # noqa: ARG002 - as Django calls it
        """None: it is a whole number already."""
        return []
