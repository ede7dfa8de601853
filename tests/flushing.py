"""How the database is emptied after tests that commit: the tables that hold rows, and nothing is made anew.

Django truncates every table, for which PostgreSQL makes new files, and tells every app that it was migrated, which
looks for each content type and permission.
"""

from __future__ import annotations

from django.core.management.color import Style
from django.core.management.commands import flush
from django.db.backends.base.base import BaseDatabaseWrapper

KEPT = {"django_content_type", "auth_permission"}  # made by migrating; no test writes them

_SHOWN = "SELECT '{0}' WHERE EXISTS (SELECT 1 FROM {1})"


def make_cheap() -> None:
    """From now on `flush` does only what a test needs."""
    flush.sql_flush = _what_is_filled
    flush.emit_post_migrate_signal = _nothing


def _what_is_filled(style: Style, connection: BaseDatabaseWrapper, **options: object) -> list[str]:
    """The statements that empty each table with rows, in any order: constraints are looked at when they are done."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    names = {table: connection.ops.quote_name(table) for table in tables if table not in KEPT}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(_SHOWN.format(table, names[table]) for table in names))
        filled = [table for (table,) in cursor.fetchall()]
    statements = [f"DELETE FROM {names[table]}" for table in filled]
    if not filled or connection.vendor != "postgresql":
        return statements
    # Without triggers: they keep rows of the ledger from being changed, as TRUNCATE does not.
    return ["SET LOCAL session_replication_role = replica", *statements]


def _nothing(*arguments: object, **options: object) -> None:
    """What emptying does not change."""
