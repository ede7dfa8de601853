"""The mails app."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class MailsConfig(AppConfig):
    """Registers apim.mails, and the kinds of mail that each app declares in its `mail_kinds`."""

    name = "apim.mails"

    def ready(self) -> None:
        """Read every app's declarations."""
        autodiscover_modules("mail_kinds")
