"""The mails to who got a key before an address was confirmed, declared."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

_EMAIL: Final = Placeholder("email", _("The address of the reader"), "ana@example.com")
_DAYS: Final = Placeholder("days", _("After how many days an unconfirmed account ends"), "7")

declare(
    MailKind(
        name="onboarding.confirm_account",
        title=_("A key was made at once; the address is to be confirmed"),
        reader=_("Who got access"),
        subject=_("Confirm your address"),
        template="mail/confirm_account.txt",
        placeholders=(
            _EMAIL,
            Placeholder("link", _("Where to confirm"), "https://apis.example.com/join/…", is_needed=True),
            _DAYS,
        ),
    ),
    MailKind(
        name="onboarding.account_exists",
        title=_("A key was made at once with an address that has an account"),
        reader=_("Who has the account"),
        subject=_("You have an account already"),
        template="mail/account_exists.txt",
        placeholders=(
            _EMAIL,
            Placeholder("link", _("Where to log in"), "https://apis.example.com/account/login/"),
            _DAYS,
        ),
    ),
)
