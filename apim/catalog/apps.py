"""The catalog app."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Registers apim.catalog."""

    name = "apim.catalog"
