"""`manage.py resume_after_restore`: to be run once after the database was restored from a backup."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from apim.audit.actor import system_actor
from apim.documents.schema import migrate_schema
from gateway_sync.delivery.restoring import resume_after_restore


class Command(BaseCommand):
    """Makes gateways believe the restored state, which they refuse as older than theirs."""

    help = "Run this once after the database was restored from a backup, so that gateways take its state again."

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Do it and say so; a backup of an earlier version is migrated first."""
        migrate_schema()
        count = resume_after_restore(by=system_actor("resume_after_restore"))
        self.stdout.write(f"{count} environments numbered anew; gateways take the restored state within seconds.")
