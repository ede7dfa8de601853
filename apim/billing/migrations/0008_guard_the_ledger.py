"""The database keeps the ledger of credits append-only, and its balance the sum of its entries.

An entry is never changed; its number is the next one, its balance the one before plus its amount. PostgreSQL refuses to
delete one as well. SQLite is not told so: it empties tables row by row where PostgreSQL truncates them; there, the
foreign keys of subscriptions and grants protect what is in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.db import migrations

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_BEFORE: Final = (
    "(SELECT balance FROM billing_ledgerentry WHERE subscription_id = NEW.subscription_id AND number = NEW.number - 1)"
)
_IS_NEXT: Final = f"""NEW.number >= 1 AND (NEW.number = 1 OR {_BEFORE} IS NOT NULL)
    AND NEW.balance = NEW.amount + COALESCE({_BEFORE}, 0)"""
_SQLITE: Final = (
    """CREATE TRIGGER ledger_entries_stay BEFORE UPDATE ON billing_ledgerentry
    BEGIN SELECT RAISE(ABORT, 'a ledger entry is never changed'); END""",
    f"""CREATE TRIGGER ledger_entries_add_up BEFORE INSERT ON billing_ledgerentry WHEN NOT ({_IS_NEXT})
    BEGIN SELECT RAISE(ABORT, 'a ledger entry does not follow the one before it'); END""",
)
_POSTGRESQL: Final = (
    """CREATE FUNCTION keep_ledger_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'a ledger entry is never changed' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE TRIGGER ledger_entries_stay BEFORE UPDATE OR DELETE ON billing_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION keep_ledger_entry()""",
    f"""CREATE FUNCTION chain_ledger_entry() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT ({_IS_NEXT}) THEN
            RAISE EXCEPTION 'a ledger entry does not follow the one before it'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$""",
    """CREATE TRIGGER ledger_entries_add_up BEFORE INSERT ON billing_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION chain_ledger_entry()""",
)
_UNDO: Final = {
    "sqlite": ("DROP TRIGGER ledger_entries_stay", "DROP TRIGGER ledger_entries_add_up"),
    "postgresql": (
        "DROP TRIGGER ledger_entries_stay ON billing_ledgerentry",
        "DROP TRIGGER ledger_entries_add_up ON billing_ledgerentry",
        "DROP FUNCTION keep_ledger_entry()",
        "DROP FUNCTION chain_ledger_entry()",
    ),
}


def guard(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the triggers."""
    for statement in _SQLITE if schema_editor.connection.vendor == "sqlite" else _POSTGRESQL:
        schema_editor.execute(statement, params=None)


def unguard(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the triggers."""
    for statement in _UNDO[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    """Two triggers."""

    dependencies = (("billing", "0007_keep_credits"),)

    operations = (migrations.RunPython(guard, unguard),)
