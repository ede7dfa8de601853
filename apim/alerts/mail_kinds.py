"""The mail of an alert, declared."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apim.mails.kinds import MailKind, Placeholder, declare

declare(
    MailKind(
        name="alerts.fires",
        title=_("An alert rule fires"),
        reader=_("Recipients of the rule, else owners of the API"),
        subject=_("%(place)s: %(name)s fires"),
        template="mail/alert_fires.txt",
        placeholders=(
            Placeholder("name", _("The rule"), _("Many errors")),
            Placeholder("place", _("What it watches"), "bank v1"),
            Placeholder("started", _("Since when, UTC"), "2026-11-22 09:30"),
            Placeholder("condition", _("The condition"), _("More than 5 % of calls fail for 5 minutes")),
            Placeholder("value", _("What it came to"), "7.4 %"),
            Placeholder("whose", _("Who was refused, when that is known"), _("shop of Initech")),
            Placeholder("rule_link", _("The page of the rule"), "https://apis.example.com/console/alerts/alr_1"),
            Placeholder("traffic_link", _("The traffic at that time"), "https://apis.example.com/console/apis/bank"),
        ),
    )
)
