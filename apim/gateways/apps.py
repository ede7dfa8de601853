"""The gateways app."""

from django.apps import AppConfig


class GatewaysConfig(AppConfig):
    """Registers apim.gateways."""

    name = "apim.gateways"
