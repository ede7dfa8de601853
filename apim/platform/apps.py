"""The platform app."""

from django.apps import AppConfig


class PlatformConfig(AppConfig):
    """Registers apim.platform."""

    name = "apim.platform"
