"""The billing app."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Registers apim.billing."""

    name = "apim.billing"
