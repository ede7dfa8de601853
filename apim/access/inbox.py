"""Mails about subscriptions and keys: a request to those who decide it, a decision to those who asked, ends and leaks.

Owns: who is told what. Must not know: how mail leaves.
"""

from __future__ import annotations

from django.template.loader import render_to_string

from apim.access.models import Application, Credential, LeakReport, Subscription
from apim.accounts.links import absolute_url
from apim.accounts.models import Membership, Organization, User
from apim.notifications.services import send_mail

_INBOX = "/console/approvals"
_HOME = "/my"


def announce_request(subscription: Subscription, application: Application) -> None:
    """Tell the owners of the product's organization that someone waits; the admins, when it has no owner."""
    product = subscription.product
    plan = (subscription.requested_plan_version or subscription.plan_version).plan
    owners = _addresses(product.organization, Membership.Role.OWNER)
    admins = User.objects.filter(is_platform_admin=True, is_active=True)
    context = {
        "subscription": subscription,
        "application": application,
        "plan": plan,
        "link": absolute_url(_INBOX),
    }
    send_mail(
        to=owners or list(admins.values_list("email", flat=True)),
        subject=f"{subscription.organization} asks for {product} ({plan})",
        body=render_to_string("mail/subscription_requested.txt", context),
    )


def announce_decision(subscription: Subscription) -> None:
    """Tell everyone in the subscribing organization what was decided."""
    is_refused = bool(subscription.reason)
    verdict = "was not approved" if is_refused else "is approved"
    context = {"subscription": subscription, "is_refused": is_refused, "link": absolute_url(_HOME)}
    send_mail(
        to=_addresses(subscription.organization, *Membership.Role.values),
        subject=f"Your subscription to {subscription.product} {verdict}",
        body=render_to_string("mail/subscription_decided.txt", context),
    )


def announce_end(credential: Credential) -> None:
    """Tell everyone in the organization that one of its keys ends soon."""
    application = credential.application
    context = {"credential": credential, "link": absolute_url(f"/my/apps/{application.id}")}
    send_mail(
        to=_addresses(application.organization, *Membership.Role.values),
        subject=f"The {credential.noun} {credential.shown} of {application} ends soon",
        body=render_to_string("mail/key_ends.txt", context),
    )


def announce_leak(report: LeakReport) -> None:
    """Tell everyone in the organization that one of its keys was found in public."""
    credential = report.credential
    application = credential.application
    context = {
        "credential": credential,
        "found_at": report.found_at,
        "is_revoked": report.outcome == LeakReport.Outcome.REVOKED,
        "link": absolute_url(f"/my/apps/{application.id}"),
    }
    send_mail(
        to=_addresses(application.organization, *Membership.Role.values),
        subject=f"A key of {application} was found in public",
        body=render_to_string("mail/key_leaked.txt", context),
    )


def _addresses(organization: Organization, *roles: str) -> list[str]:
    members = Membership.objects.filter(organization=organization, role__in=roles, user__is_active=True)
    return list(members.order_by("created_at").values_list("user__email", flat=True))
