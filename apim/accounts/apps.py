"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers apim.accounts."""

    name = "apim.accounts"
