"""The mail about webhooks, declared."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

declare(
    MailKind(
        name="webhooks.disabled",
        title=_("An endpoint of webhooks is switched off"),
        reader=_("Everyone in the organization"),
        subject=_("Webhooks to %(name)s are switched off"),
        template="mail/webhook_disabled.txt",
        placeholders=(
            Placeholder("name", _("The endpoint"), "shop.example.com"),
            Placeholder("url", _("Its address"), "https://shop.example.com/hooks"),
            Placeholder("reason", _("Why"), _("It answered nothing for five days.")),
            Placeholder("link", _("The page of the endpoint"), "https://apis.example.com/my/webhooks/whe_1"),
        ),
    )
)
