"""People, organizations and who may act for whom, one module a noun."""

from __future__ import annotations

from apim.accounts.models.invitations import Invitation, InvitationQuerySet
from apim.accounts.models.people import (
    Membership,
    MembershipQuerySet,
    Organization,
    OrganizationQuerySet,
    User,
    UserAccounts,
    UserQuerySet,
    Viewer,
    is_admin,
)
from apim.accounts.models.teams import Team, TeamQuerySet, team_shown
from apim.accounts.models.tokens import APIToken, APITokenQuerySet, Installation, LogIn

__all__ = [
    "APIToken",
    "APITokenQuerySet",
    "Installation",
    "Invitation",
    "InvitationQuerySet",
    "LogIn",
    "Membership",
    "MembershipQuerySet",
    "Organization",
    "OrganizationQuerySet",
    "Team",
    "TeamQuerySet",
    "User",
    "UserAccounts",
    "UserQuerySet",
    "Viewer",
    "is_admin",
    "team_shown",
]
