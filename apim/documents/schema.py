"""The database's schema beside the code's: migrated when older, refused when newer."""

from __future__ import annotations

from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def migrate_schema() -> None:
    """Bring the database to this version. Errors: CommandError, in words, for one of a newer or another state."""
    executor = MigrationExecutor(connection)
    known = set(executor.loader.disk_migrations)
    if unknown := sorted(f"{app}.{name}" for app, name in set(executor.loader.applied_migrations) - known):
        message = (
            f"The database was written by a newer version of apim (it has {unknown[-1]}); "
            "start that version, or restore a backup made before it."
        )
        raise CommandError(message)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)
    if lack := _lack():
        message = (
            f"The database was written by another state of the code: {lack}. Start with an empty APIM_HOME, or an empty"
            " database, or go back to that state."
        )
        raise CommandError(message)


def _lack() -> str:
    """The first table or column that the code has and the database has not; "" when there is none.

    Until a release, migrations are written anew when models change, so a database may call itself migrated and be old.
    """
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table  # noqa: SLF001 - _meta is public by documentation
            if table not in tables:
                return f"it has no table {table}"
            columns = {column.name for column in connection.introspection.get_table_description(cursor, table)}
            wanted = {field.column or "" for field in model._meta.concrete_fields}  # noqa: SLF001 - as above
            if missing := sorted(wanted - columns):
                return f"table {table} has no column {missing[0]}"
    return ""
