"""Telling that a rule fires: mails, notices in the product and webhooks, all in the transaction of the firing."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils.functional import lazy
from django.utils.translation import gettext as _

from apim.accounts.links import absolute_url
from apim.accounts.models import Membership, User
from apim.alerts.models import AlertRule, Firing
from apim.alerts.words import condition, place, value_words, whose
from apim.notifications.notices import tell as tell_people
from apim.notifications.posting import post
from apim.webhooks.outbox import News, emit

NOTICE_KIND, EVENT = "alert", "alert.fired"
AROUND = timedelta(minutes=30)


def tell(rule: AlertRule, firing: Firing) -> None:
    """Mail to the rule's recipients, or to the owners of the API; owners read it in the product as well."""
    owners = list(owners_of(rule))
    to = rule.recipients or [owner.email for owner in owners]
    if to:
        post(
            "alerts.fires",
            to=to,
            values={
                "name": rule.name,
                "place": lambda: place(rule),
                "started": f"{firing.started_at:%Y-%m-%d %H:%M}",
                "condition": lambda: condition(rule),
                "value": lambda: value_words(rule.kind, firing.worst),
                "whose": lambda: whose(firing.detail, rule.kind),
                "rule_link": absolute_url(path_of(rule)),
                "traffic_link": absolute_url(traffic_path(rule, firing)),
            },
        )
    once_key = f"alert:{firing.pk}"
    emit([News(EVENT, each, _event_of(rule, firing), once_key=once_key) for each in _organizations_of(rule)])
    tell_people(
        user_ids=[owner.pk for owner in owners],
        kind=NOTICE_KIND,
        cause=f"alert:{firing.pk}",
        title=_title(rule),
        text=_condition(rule),
        path=path_of(rule),
    )


def _words_of_title(rule: AlertRule) -> str:
    return _("%(place)s: %(rule)s fires") % {"place": place(rule), "rule": rule.name}


_title, _condition = lazy(_words_of_title, str), lazy(condition, str)  # said to each in the language of the account


def _event_of(rule: AlertRule, firing: Firing) -> dict[str, object]:
    return {
        "firing": firing.pk,
        "rule": rule.pk,
        "name": rule.name,
        "kind": rule.kind,
        "api": rule.api.name if rule.api else None,
        "version": rule.version.name if rule.version else None,
        "environment": rule.environment.name if rule.environment else None,
        "started_at": firing.started_at.isoformat(),
        "value": firing.worst,
    }


def owners_of(rule: AlertRule) -> list[User]:
    """Who owns the API: owners of its organization, of its team where they are bound to one; else the admins."""
    admins = User.objects.filter(is_platform_admin=True, is_active=True).order_by("created_at")
    if rule.api is None:
        return list(admins)
    members = Membership.objects.filter(
        Q(team="") | Q(team=rule.api.team),
        organization=rule.api.organization_id,
        role=Membership.Role.OWNER,
        user__is_active=True,
    ).select_related("user")
    owners = [member.user for member in members.order_by("created_at")]
    return owners or list(admins)


def _organizations_of(rule: AlertRule) -> list[str]:
    """Whose webhooks are told: the API's organization; of gateways those of the admins whom the rule names, or all."""
    if rule.api is not None:
        return [rule.api.organization_id]
    named = {address.casefold() for address in rule.recipients}
    told = [admin for admin in owners_of(rule) if not named or admin.email.casefold() in named]
    owned = Membership.objects.filter(role=Membership.Role.OWNER, team="", user__in=told)
    return sorted(set(owned.values_list("organization_id", flat=True)))


def path_of(rule: AlertRule) -> str:
    """The rule's page."""
    return reverse("console:alert", args=[rule.pk])


def traffic_path(rule: AlertRule, firing: Firing) -> str:
    """The traffic of the API around the firing; of gateways their page."""
    if rule.api is None:
        return reverse("console:admin-gateways")
    window = {
        "from": (firing.started_at - AROUND).isoformat(),
        "to": ((firing.resolved_at or firing.started_at) + AROUND).isoformat(),
    }
    return f"{reverse('console:api-analytics', args=[rule.api.name])}?{urlencode(window)}"
