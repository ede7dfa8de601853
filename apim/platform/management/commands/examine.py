"""`manage.py examine`: what `apim doctor` asks for."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apim.platform.health import examine
from apim.platform.health.examining import WITHIN_S


class Command(BaseCommand):
    """Prints what each check of the installation found, as JSON."""

    help = "Check the installation; `apim doctor` shows it for people."
    requires_system_checks = ()  # a broken installation is what this is for

    def add_arguments(self, parser: CommandParser) -> None:
        """How long all checks may take."""
        parser.add_argument("--within", type=float, default=WITHIN_S, metavar="SECONDS")

    def handle(self, *_arguments: Any, within: float, **_options: Any) -> None:
        """Print it."""
        self.stdout.write(json.dumps([finding.as_json() for finding in examine(within_s=within)], indent=2))
