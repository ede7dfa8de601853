"""Leaving for good: what becomes of a person's organizations, keys and tokens when the account is deleted.

What others and the books need stays: the audit log and invoices. The person's row stays without name and address.
"""

from __future__ import annotations

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access.models import Credential, Subscription, SubscriptionQuerySet
from apim.access.services.credentials import close
from apim.access.services.decisions import end_subscription
from apim.access.services.suspensions import remove_member, suspend_organization
from apim.accounts import services as accounts
from apim.accounts.models import Membership, Organization, User
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.catalog.models import API
from apim.errors import Conflict
from apim.products.models import Product

_DELETED = "The account was deleted."  # kept in English, said to who reads it


@dataclass(frozen=True, slots=True)
class Departure:
    """What deleting an account does. Shapes: obstacles are sentences; with any, it cannot be done yet."""

    left: tuple[Membership, ...]  # organizations that others go on with
    closed: tuple[Organization, ...]  # those that nobody else is in
    obstacles: tuple[str, ...]


def plan_departure(user: User) -> Departure:
    """What would happen now."""
    memberships = Membership.objects.filter(user=user).select_related("organization").order_by("created_at")
    left, closed, obstacles = [], [], []
    for membership in memberships:
        organization = membership.organization
        others = organization.memberships.exclude(user=user).filter(user__is_active=True)
        if others.exists():
            left.append(membership)
            is_leader = membership.role == Membership.Role.OWNER and not membership.team
            if is_leader and not others.filter(role=Membership.Role.OWNER, team="").exists():
                text = _("You are the last owner of %(name)s: make somebody else an owner of it first.")
                obstacles.append(text % {"name": organization})
            continue
        closed.append(organization)
        obstacles += _obstacles_of(organization)
    if user.is_platform_admin and not User.objects.filter(is_platform_admin=True, is_active=True).exclude(pk=user.pk):
        obstacles.append(_("You are the last administrator: make somebody else one first."))
    return Departure(tuple(left), tuple(closed), tuple(obstacles))


@transaction.atomic
def delete_account(*, user: User, by: Actor) -> None:
    """Delete the account: nobody can log in with it, its keys and tokens are dead, its name and address are gone.

    Errors: Conflict access.departure_blocked, with the first thing that must be done before.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    departure = plan_departure(user)
    if departure.obstacles:
        raise Conflict("access.departure_blocked", departure.obstacles[0])
    for membership in departure.left:
        remove_member(membership=membership, by=by)
    for organization in departure.closed:
        _close_down(organization, by=by)
    close(Credential.objects.filter(creator=user), state=Credential.State.REVOKED, by=by, reason=_DELETED)
    for token in user.tokens.filter(revoked_at=None):
        accounts.revoke_token(token=token, by=by)
    record(by=by, action="user.delete", target=user)
    EmailAddress.objects.filter(user=user).delete()
    user.log_ins.all().delete()
    user.set_unusable_password()
    User.objects.filter(pk=user.pk).update(
        email=f"{user.pk}@deleted.invalid",
        name="",
        password=user.password,
        is_active=False,
        is_platform_admin=False,
        session_epoch=F("session_epoch") + 1,
    )


def _obstacles_of(organization: Organization) -> list[str]:
    """What stands against closing an organization that nobody else is in."""
    found = []
    if organization.is_default:
        found.append(_("%(name)s is the installation's own organization: somebody else must own it first."))
    if API.objects.filter(organization=organization).exists() or Product.objects.filter(
        organization=organization, archived_at=None
    ):
        found.append(_("%(name)s offers APIs: hand it over to somebody, or delete them first."))
    if _live(organization).exclude(payment=Subscription.Payment.NONE).exists():
        found.append(_("%(name)s has a subscription that is paid for: cancel it first."))
    return [text % {"name": organization} for text in found]


def _close_down(organization: Organization, *, by: Actor) -> None:
    """Nobody is left in it: its keys die, its subscriptions end, and it is suspended for good."""
    keys = Credential.objects.filter(application__organization=organization)
    close(keys, state=Credential.State.REVOKED, by=by, reason=_DELETED)
    for subscription in _live(organization):
        end_subscription(subscription=subscription, by=by, reason=_DELETED)
    if organization.state == Organization.State.ACTIVE:
        suspend_organization(organization=organization, by=by, reason=f"Its last member left on {timezone.now():%F}.")


def _live(organization: Organization) -> SubscriptionQuerySet:
    return Subscription.objects.live().filter(organization=organization).with_names()
