"""The accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Registers apim.accounts."""

    name = "apim.accounts"

    def ready(self) -> None:
        """Have changes of the second factor noted."""
        from apim.accounts import second_factor  # noqa: F401, PLC0415 - models are there only now
