"""The ui app: the design system's template tags."""

from django.apps import AppConfig


class UiConfig(AppConfig):
    """Registers apim.ui."""

    name = "apim.ui"
