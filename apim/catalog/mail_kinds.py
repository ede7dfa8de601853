"""The mail about keys of issuers, declared."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

declare(
    MailKind(
        name="catalog.issuer_keys",
        title=_("The keys of an issuer of tokens cannot be fetched"),
        reader=_("Admins"),
        subject=_("The keys of %(issuer)s cannot be fetched"),
        body=_("%(fault)s\n\n%(outcome)s It is tried again each minute."),
        placeholders=(
            Placeholder("issuer", _("Where they are fetched"), "https://login.example.com"),
            Placeholder("fault", _("What went wrong"), _("login.example.com does not answer.")),
            Placeholder("outcome", _("What it means for callers"), _("The keys of before stay in force.")),
        ),
    )
)
