"""Who may act for whom: the questions that the querysets of every app ask.

Owns: what a membership and its role grant. Must not know: the objects; each app's querysets join these answers.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from apim.accounts.models import Membership, Viewer, is_admin

__all__ = [
    "belongs_to",
    "is_admin",
    "leads",
    "may_give_to",
    "of_own_teams",
    "organization_ids",
    "own_team",
    "owns",
    "owns_anything",
    "speaks_for",
    "steward_ids",
]


def organization_ids(user: Viewer, *roles: str) -> QuerySet[Membership, Any]:
    """The organizations in which user has one of roles (any role when none is named), as a sub-query of ids."""
    return Membership.objects.of(user, *roles).values("organization_id")


def belongs_to(user: Viewer, organization_id: str) -> bool:
    """True for an admin and for a member, whatever the role."""
    return is_admin(user) or Membership.objects.of(user).filter(organization_id=organization_id).exists()


def of_own_teams(user: Viewer, path: str = "") -> Q:
    """Rows of organizations of user that are of no team, or of the one that user is bound to there, if to any.

    Shapes: path leads from the row to what has `organization` and `team`, such as `application__`.
    """
    mine = Membership.objects.of(user)
    same = mine.filter(organization_id=OuterRef(f"{path}organization_id"), team=OuterRef(f"{path}team"))
    unbound = mine.filter(team="").values("organization_id")
    belongs = Q((f"{path}organization__in", organization_ids(user)))
    return belongs & (Q((f"{path}team", "")) | Q((f"{path}organization__in", unbound)) | Q(Exists(same)))


def may_give_to(user: Viewer, organization_id: str, team: str) -> bool:
    """True for who may make what belongs to the organization that team's: a member not bound to another.

    Shapes: team "" is the whole organization, to which each member may give.
    """
    if is_admin(user):
        return True
    mine = Membership.objects.of(user).filter(organization_id=organization_id)
    return mine.concerned_with(team).exists()


def own_team(user: Viewer, organization_id: str) -> str:
    """The team that user is bound to in the organization, to which what they make belongs; "" = none."""
    mine = Membership.objects.of(user).filter(organization_id=organization_id)
    return mine.values_list("team", flat=True).first() or ""


def owns(user: Viewer, organization_id: str, team: str = "") -> bool:
    """True for an admin and for an owner of the organization.

    Shapes: team is that of the object in question; an owner bound to another team does not own it.
    """
    if is_admin(user):
        return True
    owners = Membership.objects.of(user, Membership.Role.OWNER).filter(organization_id=organization_id)
    if team:
        owners = owners.filter(team__in=("", team))
    return owners.exists()


def owns_anything(user: Viewer) -> bool:
    """True for an admin and for an owner of any organization: those who publish, and see where to."""
    return is_admin(user) or organization_ids(user, Membership.Role.OWNER).exists()


def leads(user: Viewer, organization_id: str) -> bool:
    """True for who may change the organization itself: an admin, or an owner who is not bound to a team."""
    return is_admin(user) or Membership.objects.leading(user).filter(organization_id=organization_id).exists()


def steward_ids(user: Viewer) -> QuerySet[Membership, Any]:
    """The organizations that user speaks for, as a sub-query of ids: those led, and own ones that nobody leads.

    A person's own organization has no owner: who belongs to it, and to no team of it, decides.
    """
    led = Membership.objects.filter(role=Membership.Role.OWNER, team="", user__is_active=True)
    own = Membership.objects.of(user)
    unled = Q(team="") & ~Q(organization__in=led.values("organization_id"))
    return own.filter(Q(organization__in=Membership.objects.leading(user)) | unled).values("organization_id")


def speaks_for(user: Viewer, organization_id: str) -> bool:
    """True for who may give away and take what the organization owns: an admin, or one of its stewards."""
    return is_admin(user) or steward_ids(user).filter(organization_id=organization_id).exists()
