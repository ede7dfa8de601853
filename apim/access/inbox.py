"""Mails and notices about subscriptions and keys: requests, decisions, ends and leaks, each to those whom it concerns.

Owns: who is told what. Must not know: how mail leaves.
"""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apim.access.models import Application, Credential, LeakReport, Subscription
from apim.access.one_click import decision_path
from apim.accounts.links import absolute_url
from apim.accounts.models import Membership, Organization, User
from apim.notifications.notices import tell
from apim.notifications.posting import post
from apim.ui.language import filled

_INBOX = "/console/approvals"
_HOME = "/my"


def announce_request(subscription: Subscription, application: Application) -> None:
    """Tell those who decide that someone waits, each with a link of their own."""
    is_changing = subscription.requested_plan_version is not None
    kept = subscription.plan_version.plan if is_changing else ""
    _tell_deciders(subscription, "access.subscription_requested", application=application, plan_now=kept)


def remind_of_request(subscription: Subscription) -> None:
    """Tell those who decide that someone still waits."""
    _tell_deciders(subscription, "access.subscription_waits")


def _tell_deciders(subscription: Subscription, kind: str, **values: object) -> None:
    """A mail to each owner of the product's organization; to the admins, when it has no owner."""
    owning = Membership.objects.filter(
        organization=subscription.product.organization_id, role=Membership.Role.OWNER, user__is_active=True
    )
    people = [each.user for each in owning.select_related("user").order_by("created_at")]
    people = people or list(User.objects.filter(is_platform_admin=True, is_active=True))
    asked = {
        "organization": subscription.organization,
        "product": subscription.product,
        "plan": (subscription.requested_plan_version or subscription.plan_version).plan,
        "who": subscription.requested_by,
        "note": subscription.note,
        "link": absolute_url(_INBOX),
    }
    for user in {person.pk: person for person in people}.values():
        decide = absolute_url(decision_path(subscription, user))
        post(kind, to=user.email, values=asked | values | {"decide": decide})


def announce_decision(subscription: Subscription) -> None:
    """Tell everyone in the subscribing organization what was decided."""
    is_refused = bool(subscription.reason)
    words = {"product": subscription.product}
    refused = _("Your subscription to %(product)s was not approved")
    title = filled(refused if is_refused else _("Your subscription to %(product)s is approved"), words)
    post(
        "access.subscription_refused" if is_refused else "access.subscription_approved",
        to=_addresses(subscription.organization, *Membership.Role.values),
        values={
            "organization": subscription.organization,
            "product": subscription.product,
            "plan": subscription.plan_version.plan,
            "reason": subscription.reason,
            "link": absolute_url(_HOME),
            "is_refused": "1" if is_refused else "",
            "is_live": "1" if subscription.is_live else "",
        },
    )
    decided = f"{subscription.decided_at:%Y%m%d%H%M%S}" if subscription.decided_at else ""
    cause = f"subscription.decided:{subscription.id}:{decided}"
    path = f"/my/subscriptions/{subscription.id}"
    _notice(subscription.organization, cause, title, path=path, text=subscription.reason)


def announce_end(credential: Credential) -> None:
    """Tell everyone who has to do with the application that one of its keys ends soon."""
    application = credential.application
    post(
        "access.key_ends",
        to=_addresses(application.organization, *Membership.Role.values, team=application.team),
        values={
            "noun": lambda: credential.noun,
            "key": credential.shown,
            "application": application,
            "ends": f"{credential.expires_at:%Y-%m-%d %H:%M}" if credential.expires_at else "",
            "label": credential.label,
            "link": absolute_url(f"/my/apps/{application.id}"),
            "is_key": "1" if credential.kind == "api_key" else "",
        },
    )
    words = {"key": credential.shown, "application": application}
    title = filled(_("The key %(key)s of %(application)s ends soon"), words)
    cause = f"key.expiring:{credential.id}:{credential.end_told_days}"
    _notice(application.organization, cause, title, path=f"/my/apps/{application.id}", team=application.team)


def announce_leak(report: LeakReport) -> None:
    """Tell everyone who has to do with the application that one of its keys was found in public."""
    credential = report.credential
    application = credential.application
    values = {
        "key": credential.shown,
        "application": application,
        "found_at": report.found_at,
        "link": absolute_url(f"/my/apps/{application.id}"),
        "is_revoked": "1" if report.outcome == LeakReport.Outcome.REVOKED else "",
    }
    title = filled(_("A key of %(application)s was found in public"), {"application": application})
    post(
        "access.key_leaked",
        to=_addresses(application.organization, *Membership.Role.values, team=application.team),
        values=values,
    )
    cause, path = f"key.leaked:{report.id}", f"/my/apps/{application.id}"
    _notice(application.organization, cause, title, path=path, team=application.team)


def _notice(
    organization: Organization, cause: str, title: str | Promise, *, path: str, text: str = "", team: str = ""
) -> None:
    """The same under the bell of everyone in the organization, or of those whose business the team's is.

    Shapes: cause begins with the kind and a dot.
    """
    members = Membership.objects.concerned_with(team).filter(organization=organization, user__is_active=True)
    user_ids = list(members.values_list("user_id", flat=True))
    tell(user_ids=user_ids, kind=cause.partition(".")[0], cause=cause, title=title, text=text, path=path)


def _addresses(organization: Organization, *roles: str, team: str = "") -> list[str]:
    members = Membership.objects.concerned_with(team).filter(
        organization=organization, role__in=roles, user__is_active=True
    )
    return list(members.order_by("created_at").values_list("user__email", flat=True))
