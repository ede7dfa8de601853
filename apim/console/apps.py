"""The console app."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Registers apim.console."""

    name = "apim.console"
