"""Suspending and resuming people and organizations, and ending memberships: in force at every gateway at once."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access import records
from apim.access.models import Credential, CredentialQuerySet
from apim.access.services.credentials import close
from apim.accounts import services as accounts
from apim.accounts.models import APIToken, Membership, Organization, User
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict


@transaction.atomic
def suspend_organization(*, organization: Organization, by: Actor, reason: str = "") -> Organization:
    """Refuse every call of the organization's applications until it is resumed."""
    return _set_state(organization, Organization.State.SUSPENDED, by=by, action="organization.suspend", reason=reason)


@transaction.atomic
def resume_organization(*, organization: Organization, by: Actor) -> Organization:
    """Let a suspended organization's applications call again."""
    return _set_state(organization, Organization.State.ACTIVE, by=by, action="organization.resume")


@transaction.atomic
def suspend_user(*, user: User, by: Actor, reason: str = "") -> User:
    """Lock a person out: log-in, sessions and tokens end; the keys they created are refused until they are resumed."""
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if not user.is_active:
        raise Conflict("accounts.already_suspended", _("%(user)s is suspended already.") % {"user": user})
    accounts.check_another_admin(user)
    before = state_of(user)
    User.objects.filter(pk=user.pk).update(is_active=False, session_epoch=F("session_epoch") + 1)
    APIToken.objects.filter(user=user, revoked_at=None).update(revoked_at=timezone.now())
    user.refresh_from_db()
    record(by=by, action="user.suspend", target=user, before=before, after=state_of(user), reason=reason)
    _emit_credentials_of(user)
    return user


@transaction.atomic
def resume_user(*, user: User, by: Actor) -> User:
    """Let a suspended person log in again; their keys work again, their tokens stay revoked."""
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if user.is_active:
        raise Conflict("accounts.not_suspended", _("%(user)s is not suspended.") % {"user": user})
    before = state_of(user)
    user.is_active = True
    user.save(update_fields=["is_active"])
    record(by=by, action="user.resume", target=user, before=before, after=state_of(user))
    _emit_credentials_of(user)
    return user


@transaction.atomic
def remove_member(*, membership: Membership, by: Actor, heir: User | None = None) -> int:
    """How many keys died: those the person created in the organization go with the membership.

    Shapes: with an heir none does; the heir answers for them from then on, as if they were the heir's own.
    """
    created = Credential.objects.filter(
        creator=membership.user_id, application__organization=membership.organization_id
    )
    accounts.remove_member(membership=membership, by=by)
    if heir is not None:
        _inherit(created, heir, by=by)
        return 0
    return close(created, state=Credential.State.REVOKED, by=by, reason="Its creator left the organization.")


def _inherit(created: CredentialQuerySet, heir: User, *, by: Actor) -> None:
    """Make heir answer for the live ones of these keys."""
    inherited = list(created.live().select_for_update(of=("self",)).select_related("application").order_by("id"))
    for each in inherited:
        before = {"creator_id": each.creator_id}
        after = {"creator_id": heir.pk}
        organization_id = each.application.organization_id
        record(
            by=by, action="credential.inherit", target=each, before=before, after=after, organization_id=organization_id
        )
    mine = Credential.objects.filter(pk__in=[each.pk for each in inherited])
    mine.update(creator=heir)
    records.emit(records.Affected(credentials=mine))


def _set_state(organization: Organization, state: str, *, by: Actor, action: str, reason: str = "") -> Organization:
    organization = Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    if organization.state == state:
        raise Conflict(
            f"accounts.already_{state}",
            _("%(organization)s is %(state)s already.") % {"organization": organization, "state": state},
        )
    before = state_of(organization)
    organization.state = state
    organization.save(update_fields=["state"])
    record(
        by=by,
        action=action,
        target=organization,
        before=before,
        after=state_of(organization),
        organization_id=organization.id,
        reason=reason,
    )
    records.emit(records.Affected(organizations=Organization.objects.filter(pk=organization.pk)))
    return organization


def _emit_credentials_of(user: User) -> None:
    records.emit(records.Affected(credentials=Credential.objects.live().filter(creator=user)))
