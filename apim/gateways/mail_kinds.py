"""The mails about certificates, declared."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

_ADMINS: Final = _("Admins")
_ENVIRONMENT: Final = Placeholder("environment", _("The environment"), "default")
_DUE: Final = Placeholder("due", _("When it is tried again, UTC"), "2026-12-01 09:30")

declare(
    MailKind(
        name="gateways.certificate_failed",
        title=_("An authority gave no certificate"),
        reader=_ADMINS,
        subject=_("No certificate for %(host)s yet"),
        template="mail/certificate_failed.txt",
        placeholders=(
            Placeholder("host", _("The host"), "api.example.com"),
            _ENVIRONMENT,
            Placeholder("fault", _("What the authority says"), _("The host does not answer at port 80.")),
            _DUE,
            Placeholder("until", _("Until when the one of before is shown, UTC"), "2026-12-20 00:00"),
            Placeholder("link", _("The page of the host"), "https://apis.example.com/console/admin/hosts/hst_1"),
        ),
    ),
    MailKind(
        name="gateways.certificate_ends",
        title=_("A certificate is about to expire"),
        reader=_ADMINS,
        subject=_("The certificate %(certificate)s %(ends)s"),
        template="mail/certificate_ends.txt",
        placeholders=(
            Placeholder("certificate", _("Its name"), "public"),
            _ENVIRONMENT,
            Placeholder("ends", _("How long it lasts, in words"), _("expires in 14 days")),
            Placeholder("when", _("When it expires, UTC"), "2026-12-20 00:00"),
            Placeholder("hosts", _("What it is for"), "api.example.com"),
            Placeholder("fault", _("Why it could not be renewed, when that was tried"), ""),
            _DUE,
            Placeholder("link", _("The page of certificates"), "https://apis.example.com/console/admin/certificates"),
        ),
    ),
)
