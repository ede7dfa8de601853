"""Access records: what gateways join on to decide whether a key may call. The only place that writes their bodies.

Owns: the bodies, and reading the rows under the environments' locks. Must not know: how gateways get them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from apim.access.models import Application, Credential, Subscription
from apim.accounts.models import Organization
from apim.gateways.models import AccessRecord, Environment
from apim.gateways.services import AccessChange, append_access


@dataclass(frozen=True, slots=True)
class Affected:
    """The rows whose records must be written anew; gone holds those whose records must go."""

    organizations: QuerySet[Organization] = field(default_factory=Organization.objects.none)
    applications: QuerySet[Application] = field(default_factory=Application.objects.none)
    subscriptions: QuerySet[Subscription] = field(default_factory=Subscription.objects.none)
    credentials: QuerySet[Credential] = field(default_factory=Credential.objects.none)
    gone: tuple[AccessChange, ...] = ()


def emit(affected: Affected, *, environment_ids: Iterable[str] | None = None) -> None:
    """Append the records of the affected rows to the log of each environment. The last act of a transaction.

    Shapes: None is every environment; organizations and applications are written to each of those named, subscriptions
    and credentials to their own only. Environments are few and a record too many is harmless, one too few is a key
    that outlives its revocation: what is not bound to one environment goes to all.

    The rows are read after the environments are locked: of two transactions that change related rows, the one that
    gets the lock second sees what the first committed, so a stale record can never overwrite a newer one. Locks are
    taken in the order of ids, the same everywhere, so that two emitters never wait for each other.
    """
    environments = Environment.objects.select_for_update(no_key=True).order_by("id")
    if environment_ids is not None:
        environments = environments.filter(id__in=set(environment_ids))
    for environment in list(environments):
        changes = [
            *affected.gone,
            *map(organization_record, affected.organizations.all()),
            *map(application_record, affected.applications.all()),
            *map(
                subscription_record,
                affected.subscriptions.filter(environment=environment).select_related("plan_version__plan"),
            ),
            *map(
                credential_record,
                affected.credentials.filter(environment=environment).select_related("application", "creator"),
            ),
        ]
        if changes:
            append_access(environment_id=environment.id, changes=changes)


def credential_record(credential: Credential) -> AccessChange:
    """A key or client under its hash; no body once it is revoked or expired."""
    if not credential.is_live:
        return removed_credential(credential)
    is_suspended = credential.creator is not None and not credential.creator.is_active
    body: dict[str, object] = {
        "id": credential.id,
        "application": credential.application_id,
        "organization": credential.application.organization_id,
        "product": credential.product_id or "",
        "state": "suspended" if is_suspended else credential.state,
        "expires_at": _unix_s(credential.expires_at),
    }
    if credential.allowed_networks:  # most have none: records are many
        body["networks"] = credential.allowed_networks
    return AccessChange(kind=_kind_of(credential), key=credential.key_hash, body=body)


def removed_credential(credential: Credential) -> AccessChange:
    """The record that makes gateways forget a key or client."""
    return AccessChange(kind=_kind_of(credential), key=credential.key_hash, body=None)


def application_record(application: Application) -> AccessChange:
    """An application under its id."""
    return AccessChange(
        kind=AccessRecord.Kind.APPLICATION,
        key=application.id,
        body={"organization": application.organization_id, "state": application.state, "name": application.name},
    )


def removed_application(application: Application) -> AccessChange:
    """The record that makes gateways forget an application."""
    return AccessChange(kind=AccessRecord.Kind.APPLICATION, key=application.id, body=None)


def organization_record(organization: Organization) -> AccessChange:
    """An organization under its id."""
    return AccessChange(kind=AccessRecord.Kind.ORGANIZATION, key=organization.id, body={"state": organization.state})


def removed_organization(organization: Organization) -> AccessChange:
    """The record that makes gateways forget an organization."""
    return AccessChange(kind=AccessRecord.Kind.ORGANIZATION, key=organization.id, body=None)


def subscription_record(subscription: Subscription) -> AccessChange:
    """A subscription under its id. One that is over stays, with the reason, until another takes its place."""
    body: dict[str, object] = {
        "organization": subscription.organization_id,
        "product": subscription.product_id,
        "plan": subscription.plan_version_id,
        "lifecycle": subscription.lifecycle,
        "payment": subscription.payment,
        "applications": sorted(subscription.applications.values_list("id", flat=True)),
        "created_at": _unix_s(subscription.created_at),
        "ends_at": _unix_s(subscription.ends_at),
    }
    terms = subscription.plan_version
    more = {
        "plan_name": terms.plan.name if terms.number > 1 else "",
        "reason": subscription.reason,
        "awaits": "payment" if subscription.awaits_payment else "",
        "credits": "exhausted" if subscription.is_out_of_credits else "",
        "anchor": _unix_s(subscription.billing_anchor),
        "capped": _unix_s(subscription.capped_until),
        "throttled": subscription.is_throttled,
        "allowance": _allowance_of(subscription),
    }
    body |= {name: value for name, value in more.items() if value}  # most have none: records are many
    return AccessChange(kind=AccessRecord.Kind.SUBSCRIPTION, key=subscription.id, body=body)


def _allowance_of(subscription: Subscription) -> list[int] | None:
    """(since when, calls) that prepaid credits pay for; None where calls are not counted against credits."""
    if subscription.allowance is None:
        return None
    return [_unix_s(subscription.allowance_since), subscription.allowance]


def removed_subscription(subscription_id: str) -> AccessChange:
    """The record that makes gateways forget a subscription."""
    return AccessChange(kind=AccessRecord.Kind.SUBSCRIPTION, key=subscription_id, body=None)


def _kind_of(credential: Credential) -> str:
    """A kind of its own for clients and certificates, so that nothing sent as a key is ever found as one."""
    is_key = credential.kind == credential.Kind.API_KEY
    return AccessRecord.Kind.CREDENTIAL if is_key else AccessRecord.Kind.CLIENT


def _unix_s(at: datetime | None) -> int:
    return int(at.timestamp()) if at is not None else 0
