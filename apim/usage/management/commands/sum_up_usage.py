"""`manage.py sum_up_usage`: the roll-ups by version anew, from those by operation and caller."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from apim.usage.models import VersionRollup
from apim.usage.summaries import sum_up_everything


class Command(BaseCommand):
    """Sums up what processes of an earlier release counted while a new one was rolled out."""

    help = "Make the roll-ups by version anew from those by operation and caller; harmless at any time."

    def handle(self, **_options: object) -> None:
        """Sum up."""
        sum_up_everything()
        self.stdout.write(f"{VersionRollup.objects.count()} roll-ups by version are up to date.")
