"""Mails about subscriptions and keys: a request to those who decide it, a decision to those who asked, ends and leaks.

Owns: who is told what. Must not know: how mail leaves.
"""

from __future__ import annotations

from django.template.loader import render_to_string

from apim.access.models import Application, Credential, LeakReport, Subscription
from apim.access.one_click import decision_path
from apim.accounts.links import absolute_url
from apim.accounts.models import Membership, Organization, User
from apim.notifications.services import send_mail

_INBOX = "/console/approvals"
_HOME = "/my"


def announce_request(subscription: Subscription, application: Application) -> None:
    """Tell those who decide that someone waits, each with a link of their own."""
    plan = (subscription.requested_plan_version or subscription.plan_version).plan
    _tell_deciders(
        subscription,
        "subscription_requested",
        f"{subscription.organization} asks for {subscription.product} ({plan})",
        application=application,
        plan=plan,
    )


def remind_of_request(subscription: Subscription) -> None:
    """Tell those who decide that someone still waits."""
    plan = (subscription.requested_plan_version or subscription.plan_version).plan
    subject = f"{subscription.organization} still waits for {subscription.product} ({plan})"
    _tell_deciders(subscription, "subscription_waits", subject, plan=plan)


def _tell_deciders(subscription: Subscription, template: str, subject: str, **context: object) -> None:
    """A mail to each owner of the product's organization; to the admins, when it has no owner."""
    owning = Membership.objects.filter(
        organization=subscription.product.organization_id, role=Membership.Role.OWNER, user__is_active=True
    )
    people = [each.user for each in owning.select_related("user").order_by("created_at")]
    people = people or list(User.objects.filter(is_platform_admin=True, is_active=True))
    for user in {person.pk: person for person in people}.values():
        told = {
            "subscription": subscription,
            "link": absolute_url(_INBOX),
            "decide": absolute_url(decision_path(subscription, user)),
        }
        send_mail(to=user.email, subject=subject, body=render_to_string(f"mail/{template}.txt", told | context))


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
