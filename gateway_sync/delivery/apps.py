"""The delivery app."""

from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    """Registers gateway_sync.delivery."""

    name = "gateway_sync.delivery"
