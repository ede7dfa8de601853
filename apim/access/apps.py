"""The access app."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Registers apim.access."""

    name = "apim.access"
