"""A database of an earlier release, brought to the present: `python -m tests.upgrade.program FILE`.

Makes the schema of the release that FILE came from in the (empty) database of the environment, puts the file's rows in,
then migrates as `script/up` does. Prints what is left of the rows, as JSON: {"missing": [...], "changed": [...],
"pages": {path: status}, "problems": [...]}. Shapes: FILE has a line of JSON for each row, as Django's dumpdata writes
them, with every application at its first migration.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import django
from django.apps import apps as present_apps
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps
from django.test import Client

Row = Mapping[str, Any]
OUR_APPS = (
    "accounts", "access", "audit", "billing", "catalog", "delivery", "gateways", "management_api", "notifications",
    "products", "usage",
)  # fmt: skip
THEIR_APPS = ("account", "auth", "contenttypes", "sessions")
PAGES = ("/", "/pricing", "/console", "/console/products", "/console/plans", "/console/admin/audit", "/my/billing")


def main(file: Path) -> dict[str, object]:
    """What is left of the rows of the file after all migrations."""
    rows: list[Row] = [json.loads(line) for line in file.read_text().splitlines()]
    executor = MigrationExecutor(connection)
    leaves = [leaf for leaf in executor.loader.graph.leaf_nodes() if leaf[0] in THEIR_APPS]
    state = executor.migrate([*leaves, *((app, "0001_initial") for app in OUR_APPS)])
    _put_in(rows, state.apps)
    call_command("migrate", verbosity=0)
    missing, changed = _compare(rows)
    return {"missing": missing, "changed": changed, "pages": _look(), "problems": _publish()}


def _put_in(rows: Iterable[Row], apps: StateApps) -> None:
    """The rows as they were; keys are checked when all are there."""
    with connection.constraint_checks_disabled(), transaction.atomic():
        if connection.vendor == "postgresql":
            connection.cursor().execute("SET CONSTRAINTS ALL DEFERRED")
        for row in rows:
            model = apps.get_model(row["model"])
            values = {"pk": row["pk"]}
            for name, value in row["fields"].items():
                field = model._meta.get_field(name)
                if not field.many_to_many:
                    values[field.attname] = field.to_python(value)
            model(**values).save_base(raw=True, force_insert=True)
    connection.check_constraints()


def _compare(rows: Iterable[Row]) -> tuple[list[str], list[str]]:
    """The rows that are not there any more, and those of which a field that is still there says something else."""
    missing, changed = [], []
    for row in rows:
        name = f"{row['model']} {row['pk']}"
        model = present_apps.get_model(row["model"])
        found = model._base_manager.filter(pk=row["pk"]).first()
        if found is None:
            missing.append(name)
            continue
        present = {field.name: field for field in model._meta.concrete_fields}
        changed += [
            f"{name} {field}"
            for field, value in row["fields"].items()
            if field in present and _differs(found, present[field], value)
        ]
    return missing, changed


def _differs(found: models.Model, field: models.Field[Any, Any], value: object) -> bool:
    now = getattr(found, field.attname)
    return bool((bytes(now) if isinstance(now, memoryview) else now) != field.to_python(value))


def _look() -> dict[str, int]:
    """What pages answer to the one user there is."""
    client = Client()
    client.force_login(present_apps.get_model("accounts", "User").objects.get())
    return {path: client.get(path, follow=True, headers={"Host": "127.0.0.1"}).status_code for path in PAGES}


def _publish() -> list[str]:
    """What is wrong with the state that gateways are given now."""
    from apim.gateways.models import Environment  # noqa: PLC0415 - Django is set up by now
    from gateway_sync.delivery.services import publish  # noqa: PLC0415

    environment = Environment.objects.get()
    Environment.objects.filter(pk=environment.pk).update(revision=environment.revision + 1)
    return [str(problem) for problem in publish(environment.pk).problems]


if __name__ == "__main__":
    django.setup()
    json.dump(main(Path(sys.argv[1])), sys.stdout)
