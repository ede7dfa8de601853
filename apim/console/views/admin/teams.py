"""Teams of all organizations: what each has, made, named anew and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext

from apim.access.models import Application
from apim.access.services import remove_team
from apim.access.teams import consequences_of_removing, line_of, lines_of
from apim.accounts.models import Invitation, Membership, Organization, Team
from apim.accounts.services import actor_of, create_team, rename_team
from apim.catalog.models import API
from apim.console.forms.people import NewTeamForm, TeamForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.ui.forms import errors_on
from apim.ui.typed import TypedForm

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@admin_page
def team_list(request: ConsoleRequest) -> HttpResponse:
    """Teams with their organizations and how much each has; ?q= in either's name."""
    query = request.GET.get("q", "").strip()
    teams = Team.objects.visible_to(request.user).select_related("organization")
    if query:
        named = Q(name__icontains=query) | Q(display_name__icontains=query)
        teams = teams.filter(named | Q(organization__name__icontains=query))
    rows = listing(request, teams.order_by("organization__name", "name"))
    organizations = {row.organization_id: row.organization for row in rows}
    lines = {(line.organization_id, line.name): line for line in lines_of(organizations.values())}
    told = [(row, lines[row.organization_id, row.name]) for row in rows]
    return page(request, "console/admin/teams.html", rows=rows, teams=told, query=query)


@admin_page
def team_new(request: ConsoleRequest) -> HttpResponse:
    """A new team; ?organization= is chosen already."""
    chosen = Organization.objects.filter(name=request.GET.get("organization", "")).first()
    form = NewTeamForm(posted(request), initial={"organization": chosen})
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            team = create_team(**form.cleaned_data, by=actor_of(request.user))
            return redirect("console:admin-team", team.id)
    return page(request, "console/admin/team_new.html", form=form)


@admin_page
def team_page(request: ConsoleRequest, team_id: str) -> HttpResponse:
    """A team: its members, applications and APIs, and what people call it."""
    team = _team(team_id)
    form = TeamForm(posted(request), initial={"display_name": team.display_name})
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            rename_team(team=team, by=actor_of(request.user), **form.cleaned_data)
            messages.success(request, gettext("Saved."))
            return redirect("console:admin-team", team.id)
    mine = {"organization": team.organization_id, "team": team.name}
    return page(
        request,
        "console/admin/team.html",
        team=team,
        form=form,
        memberships=Membership.objects.filter(**mine).select_related("user").order_by("user__email"),
        invitations=Invitation.objects.filter(**mine, accepted_at=None).order_by("email"),
        applications=Application.objects.filter(**mine),
        apis=API.objects.active().filter(**mine).order_by("name"),
    )


@admin_page
def team_remove(request: ConsoleRequest, team_id: str) -> HttpResponse:
    """Asks, then makes what the team has the whole organization's."""
    team = _team(team_id)
    line = line_of(team)
    confirmation = Confirmation(
        title=gettext("Remove the team %(team)s of %(organization)s?")
        % {"team": team, "organization": team.organization},
        consequences=consequences_of_removing(line),
        verb=gettext("Remove it"),
        back=reverse("console:admin-team", args=[team.id]),
        onward=reverse("console:admin-teams"),
        done=gettext("The team %(team)s is removed.") % {"team": team},
    )
    form = None if line.is_empty else TypedForm(posted(request), name=team.name)
    return confirm(request, confirmation, lambda _, by: remove_team(team=team, by=by), form)


def _team(team_id: str) -> Team:
    return get_object_or_404(Team.objects.select_related("organization"), pk=team_id)
