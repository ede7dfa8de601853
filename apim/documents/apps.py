"""The documents app."""

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    """Registers apim.documents."""

    name = "apim.documents"
