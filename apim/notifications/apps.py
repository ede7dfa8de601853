"""The notifications app."""

from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    """Registers apim.notifications."""

    name = "apim.notifications"
