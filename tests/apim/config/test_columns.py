"""A web process of the release before goes on inserting rows while the next one migrates and starts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddField, CreateModel
from django.db.models import Field

OURS = ("apim.", "gateway_sync.", "portal.")


def added_columns() -> Iterator[tuple[str, Field[Any, Any]]]:
    """Columns that were added to tables which an earlier release may have, as they are now."""
    for (label, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        made = {each.name_lower for each in migration.operations if isinstance(each, CreateModel)}
        for operation in migration.operations:
            is_added = isinstance(operation, AddField) and operation.model_name_lower not in made
            if not is_added or name.startswith("0001_") or not migration.__module__.startswith(OURS):
                continue
            try:
                field = apps.get_model(label, operation.model_name)._meta.get_field(operation.name)
            except (LookupError, FieldDoesNotExist):
                continue  # dropped since
            if field.concrete and not field.many_to_many:
                yield f"{label}.{operation.model_name}.{operation.name}", field


def test_each_column_added_since_the_first_release_may_be_left_out_of_an_insert() -> None:
    lacking = [name for name, field in added_columns() if not (field.null or field.has_db_default())]
    assert lacking == [], "give these a db_default: processes of the release before do not know them"


def test_columns_of_the_past_are_seen() -> None:
    assert {"accounts.organization.on_leak", "billing.billingsubscription.switch_claim"} <= dict(added_columns()).keys()
