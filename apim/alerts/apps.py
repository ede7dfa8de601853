"""The alerts app."""

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    """Registers apim.alerts."""

    name = "apim.alerts"
