"""The demo app."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Registers apim.demo."""

    name = "apim.demo"
