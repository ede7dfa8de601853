"""Organizations and who belongs to them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from apim.accounts.models import Membership, Organization, User
from apim.accounts.services.people import actor_of
from apim.accounts.services.teams import require_team
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid
from apim.validation import require_clean

_CHANGEABLE = ("display_name", "owners_edit_plans", "on_leak")
_LONGEST_NAME = 60
_SUFFIX_BYTES = 3


@transaction.atomic
def create_organization(*, name: str, display_name: str, by: Actor, is_default: bool = False) -> Organization:
    """A new tenant without members."""
    if not name or len(name) > _LONGEST_NAME or slugify(name) != name:
        raise Invalid(
            "accounts.name_malformed",
            _("The name of an organization has lower-case letters, digits and hyphens only, at most %(longest_name)s.")
            % {"longest_name": _LONGEST_NAME},
            field="name",
            hint=_("Try %(value)s.") % {"value": slugify(name)[:_LONGEST_NAME] or "acme"},
        )
    if Organization.objects.filter(name=name).exists():
        raise Conflict(
            "accounts.name_taken",
            _("There is an organization named %(name)s already.") % {"name": name},
            field="name",
            hint=_("Choose another name."),
        )
    organization = Organization(name=name, display_name=display_name or name, is_default=is_default)
    require_clean(organization, prefix="accounts")
    organization.save(force_insert=True)
    record(
        by=by,
        action="organization.create",
        target=organization,
        after=state_of(organization),
        organization_id=organization.id,
    )
    return organization


@transaction.atomic
def update_organization(*, organization: Organization, changes: Mapping[str, Any], by: Actor) -> Organization:
    """The organization with other words or rights; its name stays, since documents and URLs use it."""
    unknown = sorted(changes.keys() - set(_CHANGEABLE))
    if unknown:
        raise Invalid(
            "accounts.not_changeable",
            _("%(name)s of an organization cannot be changed.") % {"name": unknown[0]},
            field=unknown[0],
            hint=_("Changeable are %(names)s.") % {"names": " and ".join(_CHANGEABLE)},
        )
    organization = _locked(organization.pk)
    before = state_of(organization)
    for name, value in changes.items():
        setattr(organization, name, value)
    require_clean(organization, prefix="accounts")
    organization.save(update_fields=list(changes))
    record(
        by=by,
        action="organization.update",
        target=organization,
        before=before,
        after=state_of(organization),
        organization_id=organization.id,
    )
    return organization


@transaction.atomic
def add_member(*, organization: Organization, user: User, role: str, by: Actor, team: str = "") -> Membership:
    """The person's new membership."""
    check_role(role)
    require_team(_locked(organization.pk), team)
    if Membership.objects.filter(organization=organization, user=user).exists():
        raise Conflict(
            "accounts.member_already",
            _("%(user)s belongs to %(organization)s already.") % {"user": user, "organization": organization},
            hint=_("Change the role instead."),
            field="user",
        )
    membership = Membership(organization=organization, user=user, role=role, team=team)
    membership.save(force_insert=True)
    record(by=by, action="membership.create", target=membership, after=state_of(membership))
    return membership


@transaction.atomic
def change_role(*, membership: Membership, role: str, team: str, by: Actor) -> Membership:
    """The membership with another role or team; somebody who leads the organization always remains."""
    check_role(role)
    _locked(membership.organization_id)
    membership = Membership.objects.select_related("user", "organization").get(pk=membership.pk)
    if team != membership.team:  # one that the release before named may have no row yet
        require_team(membership.organization, team)
    if role != Membership.Role.OWNER or team:
        _check_another_owner(membership)
    before = state_of(membership)
    membership.role = role
    membership.team = team
    membership.save(update_fields=["role", "team"])
    record(by=by, action="membership.change_role", target=membership, before=before, after=state_of(membership))
    return membership


@transaction.atomic
def remove_member(*, membership: Membership, by: Actor) -> None:
    """End a membership. Pages call access.services.remove_member, which ends the person's keys there too."""
    _locked(membership.organization_id)
    membership = Membership.objects.select_related("user", "organization").get(pk=membership.pk)
    _check_another_owner(membership)
    record(by=by, action="membership.delete", target=membership, before=state_of(membership))
    membership.delete()


@transaction.atomic
def register_developer(user: User) -> Organization:
    """The organization a person works for; a personal one is made for who has none yet. Asking twice makes one."""
    user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    existing = Organization.objects.filter(memberships__user=user).order_by("memberships__created_at").first()
    if existing is not None:
        return existing
    local = slugify(user.email.partition("@")[0])[: _LONGEST_NAME - 10] or "person"
    is_free = not Organization.objects.filter(name=local).exists()
    organization = create_organization(
        name=local if is_free else f"{local}-{secrets.token_hex(_SUFFIX_BYTES)}",
        display_name=user.name or user.email.partition("@")[0],
        by=actor_of(user),
    )
    add_member(organization=organization, user=user, role=Membership.Role.DEVELOPER, by=actor_of(user))
    return organization


def _locked(organization_id: str) -> Organization:
    """The organization, whose members nobody else changes until the commit."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def check_role(role: str) -> None:
    """Refuse roles that do not exist."""
    if role not in Membership.Role.values:
        raise Invalid(
            "accounts.no_such_role",
            _("There is no role %(role)s.") % {"role": role},
            field="role",
            hint=_("Roles are %(names)s.") % {"names": " and ".join(Membership.Role.values)},
        )


def _check_another_owner(membership: Membership) -> None:
    """Refuse to take away the last active person who leads the organization."""
    if membership.role != Membership.Role.OWNER or membership.team:
        return
    leaders = Membership.objects.filter(
        organization=membership.organization_id, role=Membership.Role.OWNER, team="", user__is_active=True
    )
    if not leaders.exclude(pk=membership.pk).exists():
        raise Conflict(
            "accounts.last_owner",
            _("%(user)s is the last owner of %(organization)s.")
            % {"user": membership.user, "organization": membership.organization},
            hint=_("Make someone else an owner of the whole organization first."),
        )
