"""The mail about a job, declared."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

declare(
    MailKind(
        name="jobs.ended",
        title=_("Long work has ended"),
        reader=_("Who asked for it, when they want such mails"),
        subject="%(headline)s",
        template="mail/job_ended.txt",
        placeholders=(
            Placeholder("headline", _("What has ended, and how"), _("Done: Export of the audit log"), is_needed=True),
            Placeholder(
                "reason", _("Why it failed, when it did"), _("Its workers died, or lost the database, 3 times.")
            ),
            Placeholder("link", _("The page of the job"), "https://apis.example.com/console/jobs/job_1"),
            Placeholder(
                "choices_link",
                _("Where readers choose which mails they get"),
                "https://apis.example.com/my/notifications",
            ),
        ),
    )
)
