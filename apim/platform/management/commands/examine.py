"""`manage.py examine`: what `apim doctor` asks for."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand

from apim.platform.health import examine


class Command(BaseCommand):
    """Prints what each check of the installation found, as JSON."""

    help = "Check the installation; `apim doctor` shows it for people."
    requires_system_checks = ()  # a broken installation is what this is for

    def handle(self, *_arguments: Any, **_options: Any) -> None:
        """Print it."""
        self.stdout.write(json.dumps([finding.as_json() for finding in examine()], indent=2))
