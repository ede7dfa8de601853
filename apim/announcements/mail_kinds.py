"""The mail of an announcement, declared."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

declare(
    MailKind(
        name="announcements.announcement",
        title=_("An owner announces something"),
        reader=_("Those who call the API or follow it"),
        subject="%(subject)s",
        template="mail/announcement.txt",
        placeholders=(
            Placeholder("subject", _("The owner's subject"), _("Maintenance on Monday")),
            Placeholder(
                "text",
                _("The owner's text, in Markdown"),
                _("The API is away on **Monday** from 02:00 to 02:10 UTC."),
                is_needed=True,
                is_markdown=True,
            ),
            Placeholder("api", _("The API"), "Bank"),
            Placeholder("api_link", _("Its page"), "https://apis.example.com/apis/bank"),
            Placeholder(
                "choices_link",
                _("Where readers choose which mails they get"),
                "https://apis.example.com/my/notifications",
            ),
        ),
        flags={"is_needed": ""},
    )
)
