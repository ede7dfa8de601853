"""What was made at Stripe so far was made at the account that is connected: its rows name it from now on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import migrations

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def name_accounts(apps: Apps, _schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Rows of a mode take the account of the mode's connection."""
    for connection in apps.get_model("billing", "StripeConnection").objects.exclude(account_id=""):
        for model in ("Customer", "CatalogueEntry", "BillingSubscription"):
            rows = apps.get_model("billing", model).objects.filter(mode=connection.mode, account_id="")
            rows.update(account_id=connection.account_id)


class Migration(migrations.Migration):
    dependencies = (("billing", "0002_tie_to_accounts_and_raise_alarms"),)

    operations = (migrations.RunPython(name_accounts, migrations.RunPython.noop),)
