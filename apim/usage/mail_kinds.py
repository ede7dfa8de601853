"""The mail about a quota, declared."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

declare(
    MailKind(
        name="usage.quota",
        title=_("A quota runs out"),
        reader=_("Everyone in the organization who did not switch it off"),
        subject="%(headline)s",
        template="mail/quota.txt",
        placeholders=(
            Placeholder(
                "headline",
                _("What is the matter, in a sentence"),
                _("The quota of Bank accounts will be used up before it starts again"),
                is_needed=True,
            ),
            Placeholder(
                "forecast",
                _("When it will be used up, while that is not yet so"),
                _("At the pace of the last 7 days used up on Tue 24 Nov, 14:00 UTC."),
            ),
            Placeholder("product", _("The product"), "Bank accounts"),
            Placeholder("plan", _("The plan"), "Silver"),
            Placeholder("organization", _("The organization"), "Initech"),
            Placeholder("link", _("The page of the subscription"), "https://apis.example.com/my/subscriptions/sub_1"),
            Placeholder(
                "choices_link",
                _("Where readers choose which mails they get"),
                "https://apis.example.com/my/notifications",
            ),
        ),
    )
)
