"""The mails about accounts and invitations, declared; allauth's are named as its templates are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

_HOLDER: Final = _("Who has the account")
_CODE: Final = Placeholder("code", _("The code"), "3JQ7KM", is_needed=True)
_EMAIL: Final = Placeholder("email", _("The address of the reader"), "ana@example.com")
_CODE_SUBJECT: Final = _("%(code)s is your code")
_TRACES: Final = (
    Placeholder("when", _("When it was done"), "2026-11-22 09:30 UTC"),
    Placeholder("ip", _("The address it was done from"), "192.0.2.7"),
    Placeholder("user_agent", _("What the browser calls itself"), "Firefox 150 on Linux"),
)


def kind_of(template_prefix: str) -> str:
    """The kind of mail for allauth's `account/email/password_changed` or `mfa/email/totp_activated`."""
    return f"accounts.{template_prefix.rpartition('/')[2]}"


def _of_allauth(
    name: str,
    title: str | _StrPromise,
    subject: str | _StrPromise,
    *placeholders: Placeholder,
    folder: str = "account",
    reader: str | _StrPromise = _HOLDER,
) -> MailKind:
    template = f"{folder}/email/{name}_message.txt"
    return MailKind(f"accounts.{name}", title, reader, subject, placeholders, template=template)


declare(
    MailKind(
        name="accounts.invitation",
        title=_("Somebody is invited"),
        reader=_("Who is invited"),
        subject=_("Invitation to %(organization)s"),
        template="mail/invitation.txt",
        placeholders=(
            Placeholder("who", _("Who invites"), "ben@example.com"),
            Placeholder("organization", _("The organization"), "Acme Ltd"),
            Placeholder("role", _("The role"), "owner"),
            Placeholder("team", _("The team, when there is one"), "payments"),
            _EMAIL,
            Placeholder("link", _("Where to accept"), "https://apis.example.com/invite/…", is_needed=True),
            Placeholder("days", _("For how many days the link works"), "7"),
        ),
        flags={"is_owner": "1"},
    ),
    _of_allauth(
        "email_confirmation_signup", _("A code to sign up"), _CODE_SUBJECT, _CODE, _EMAIL, reader=_("Who signs up")
    ),
    _of_allauth("email_confirmation", _("A code to confirm an address"), _CODE_SUBJECT, _CODE, _EMAIL),
    _of_allauth("password_reset_code", _("A code for a new password"), _CODE_SUBJECT, _CODE, _EMAIL),
    _of_allauth(
        "account_already_exists",
        _("Somebody signs up with an address that has an account"),
        _("You have an account already"),
        _EMAIL,
        Placeholder("password_reset_url", _("Where to choose a new password"), "https://apis.example.com/account/"),
    ),
    _of_allauth(
        "unknown_account",
        _("Somebody asks for a new password where there is no account"),
        _("No account with this address"),
        _EMAIL,
        Placeholder("signup_url", _("Where to sign up"), "https://apis.example.com/account/signup/"),
        reader=_("Whose address it is"),
    ),
    _of_allauth("password_changed", _("The password was changed"), _("Password Changed"), _EMAIL, *_TRACES),
    _of_allauth("password_reset", _("The password was reset"), _("Password Reset"), _EMAIL, *_TRACES),
    _of_allauth("password_set", _("A password was set"), _("Password Set"), _EMAIL, *_TRACES),
    _of_allauth("email_confirm", _("An address was confirmed"), _("Email Confirmation"), _EMAIL, *_TRACES),
    _of_allauth(
        "email_changed",
        _("The address was changed"),
        _("Email Changed"),
        Placeholder("from_email", _("The address of before"), "ana@example.org"),
        Placeholder("to_email", _("The new address"), "ana@example.com"),
        *_TRACES,
    ),
    _of_allauth(
        "email_deleted",
        _("An address was removed"),
        _("Email Removed"),
        Placeholder("deleted_email", _("The address"), "ana@example.org"),
        *_TRACES,
    ),
    _of_allauth(
        "totp_activated",
        _("A second factor was set up"),
        _("A second factor protects your account"),
        _EMAIL,
        *_TRACES,
        folder="mfa",
    ),
    _of_allauth(
        "totp_deactivated",
        _("The second factor was taken away"),
        _("Your account has no second factor any more"),
        _EMAIL,
        *_TRACES,
        folder="mfa",
    ),
    _of_allauth(
        "recovery_codes_generated",
        _("New recovery codes were made"),
        _("New recovery codes of your account"),
        _EMAIL,
        *_TRACES,
        folder="mfa",
    ),
)
