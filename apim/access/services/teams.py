"""Removing a team: what was its own belongs to the whole organization afterwards."""

from __future__ import annotations

from django.db import transaction

from apim.access.models import Application
from apim.accounts.models import Invitation, Membership, Organization, Team
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.models import API


@transaction.atomic
def remove_team(*, team: Team, by: Actor) -> None:
    """Remove the team. Its APIs, applications and keys go on, as the whole organization's.

    Its developers have to do with all applications from then on. Its owners become developers: nobody comes to lead
    the whole organization by it. Keys and gateways notice nothing.
    """
    organization = Organization.objects.select_for_update(no_key=True).get(pk=team.organization_id)
    team = Team.objects.select_for_update().get(pk=team.pk)
    mine = {"organization": organization, "team": team.name}
    before = state_of(team)
    for noun, model in (("apis", API), ("applications", Application)):
        before[noun] = sorted(model.objects.filter(**mine).values_list("name", flat=True))
        model.objects.filter(**mine).update(team="")
    members = Membership.objects.filter(**mine)
    before["members"] = sorted(members.values_list("user__email", flat=True))
    members.update(team="", role=Membership.Role.DEVELOPER)
    Invitation.objects.filter(**mine).update(team="", role=Membership.Role.DEVELOPER)
    record(by=by, action="team.delete", target=team, before=before, organization_id=organization.pk)
    team.delete()
