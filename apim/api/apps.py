"""The api app."""

from django.apps import AppConfig


class APIConfig(AppConfig):
    """Registers apim.api."""

    name = "apim.api"
    label = "management_api"
