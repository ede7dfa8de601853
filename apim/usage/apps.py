"""The usage app."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Registers apim.usage."""

    name = "apim.usage"
