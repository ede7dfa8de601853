"""What script/up runs before it says ready: migrations, the embedded gateway, the admin, the example."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from apim.documents import installation
from apim.errors import DomainError
from apim.gateways.services import default_environment


class Command(BaseCommand):
    """Prints one line of JSON: set_up_url, token, key, example_url; each is "" when there is none."""

    requires_system_checks = ()  # a start must be quick, and script/lint ran them
    help = "Migrate, enroll the embedded gateway, make the admin and load the example. Started by script/up."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where things are and what is wanted."""
        parser.add_argument(
            "--credentials", type=Path, required=True, help="file for the embedded gateway's credentials"
        )
        parser.add_argument("--control-url", required=True, help="where the embedded gateway reaches the web process")
        parser.add_argument("--gateway-url", required=True, help="where callers reach the embedded gateway")
        parser.add_argument("--example", type=Path, help="documents to load at the first start")
        parser.add_argument(
            "--example-port", type=int, default=installation.EXAMPLE_PORT, help="of the first sample service"
        )
        parser.add_argument(
            "--fresh", action="store_true", help="issue an API token and a key, and revoke the last ones"
        )

    def handle(self, **options: Any) -> None:
        """Do it; each step leaves alone what is there already."""
        try:
            _migrate()
            self.stdout.write(json.dumps(_prepare(options)))
        except OperationalError as error:
            message = f"The database cannot be used: {str(error).strip().splitlines()[0]}"
            raise CommandError(message) from error
        except DomainError as error:
            raise CommandError(f"{error} {error.hint}".strip()) from error


def _migrate() -> None:
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


def _prepare(options: dict[str, Any]) -> dict[str, str | int]:
    installation.enroll_embedded_gateway(
        path=options["credentials"], control_url=options["control_url"], gateway_url=options["gateway_url"]
    )
    set_up_url = installation.make_admin(
        email=settings.ENV.admin_email, password=settings.ENV.admin_password, base_url=settings.BASE_URL
    )
    is_loaded = False
    if options["example"]:
        is_loaded = installation.load_example(path=options["example"], port=options["example_port"])
    is_fresh = options["fresh"]
    return {
        "set_up_url": set_up_url,
        "token": installation.issue_start_token() if is_fresh else "",
        "key": installation.issue_example_key(is_fresh=is_fresh) if is_loaded else "",
        "example_url": options["gateway_url"] + installation.EXAMPLE_PATH if is_loaded else "",
        "access_seq": default_environment().access_seq,
    }
