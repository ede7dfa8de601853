"""The mails about the installation itself, declared."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

declare(
    MailKind(
        name="platform.usage_not_whole",
        title=_("Usage is not whole"),
        reader=_("Admins"),
        subject=_("Usage that was counted is missing or summed wrongly"),
        template="mail/usage_not_whole.txt",
        placeholders=(
            Placeholder(
                "faults",
                _("What was found"),
                _("The hour of 2026-12-01T09:00 UTC has 1000 records, and 999 calls in its sums."),
            ),
            Placeholder("link", _("The page of checks"), "https://apis.example.com/console/admin/health"),
        ),
    ),
)
