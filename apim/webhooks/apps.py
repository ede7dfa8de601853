"""The webhooks app."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Registers apim.webhooks."""

    name = "apim.webhooks"
