"""Teams of the organization acted for: what is theirs, who is in them; made, named anew and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apim.access.models import Application
from apim.access.services import remove_team
from apim.access.teams import consequences_of_removing, line_of
from apim.accounts.models import Invitation, Membership, Team
from apim.accounts.permissions import leads
from apim.accounts.services import actor_of, create_team, rename_team
from apim.catalog.models import API
from apim.ui.forms import errors_on
from apim.ui.typed import TypedForm
from portal.forms.teams import NewTeamForm, TeamNameForm
from portal.rendering import Confirmation, confirm, leave_to, page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.accounts.models import TeamQuerySet


@require_http_methods(["GET", "POST"])
@my_page
def add_team(request: PortalRequest) -> HttpResponse:
    """A new team, made by who leads the organization; ?name= is a slug that members have already."""
    organization = request.tenancy.organization
    if organization is None or not leads(request.user, organization.pk):
        raise PermissionDenied(_("Owners of the organization make teams."))
    name = request.GET.get("name", "")
    form = NewTeamForm(posted(request), initial={"name": name, "display_name": name})
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            team = create_team(organization=organization, by=actor_of(request.user), **form.cleaned_data)
            messages.success(
                request, _("The team %(team)s is there. Give it members and applications.") % {"team": team}
            )
            return redirect("portal:team", team.id)
    context = {
        "section": "organization",
        "form": form,
        "title": _("New team"),
        "verb": _("Make the team"),
        "back": reverse("portal:organization"),
    }
    return page(request, "portal/form.html", context)


@require_GET
@my_page
def show_team(request: PortalRequest, team_id: str) -> HttpResponse:
    """A team: its members, the applications and APIs of it that the reader sees."""
    team = _team(Team.objects.visible_to(request.user), team_id)
    mine = {"organization": team.organization_id, "team": team.name}
    context = {
        "section": "organization",
        "trail": [(team.organization, reverse("portal:organization")), (team, "")],
        "team": team,
        "may_lead": leads(request.user, team.organization_id),
        "members": Membership.objects.filter(**mine).select_related("user").order_by("created_at"),
        "invitations": Invitation.objects.visible_to(request.user).filter(**mine, accepted_at=None).order_by("email"),
        "applications": Application.objects.visible_to(request.user).filter(**mine),
        "apis": API.objects.active().visible_to(request.user).filter(**mine).order_by("name"),
        "edits_apis": request.tenancy.may_publish,
    }
    return page(request, "portal/team.html", context)


@require_http_methods(["GET", "POST"])
@my_page
def edit_team(request: PortalRequest, team_id: str) -> HttpResponse:
    """Another name for people; what documents call it stays."""
    team = _team(Team.objects.editable_by(request.user), team_id)
    form = TeamNameForm(posted(request), initial={"display_name": team.display_name})
    back = reverse("portal:team", args=[team.id])
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            rename_team(team=team, by=actor_of(request.user), **form.cleaned_data)
            messages.success(request, _("The name is saved."))
            return leave_to(request, back)
    confirmation = Confirmation(
        title=_("Rename %(team)s") % {"team": team},
        consequences=(_("Documents and programs go on calling it %(name)s.") % {"name": team.name},),
        verb=_("Save"),
        back=back,
        done="",
        verb_class="button--primary",
    )
    return page(request, "portal/confirm.html", {"confirmation": confirmation, "form": form}, "components/confirm.html")


@require_http_methods(["GET", "POST"])
@my_page
def drop_team(request: PortalRequest, team_id: str) -> HttpResponse:
    """Removes a team after saying what becomes of what it has."""
    team = _team(Team.objects.editable_by(request.user), team_id)
    line = line_of(team)
    confirmation = Confirmation(
        title=_("Remove the team %(team)s?") % {"team": team},
        consequences=consequences_of_removing(line),
        verb=_("Remove the team"),
        back=reverse("portal:team", args=[team.id]),
        done=_("The team %(team)s is removed.") % {"team": team},
        goes_to=reverse("portal:organization"),
    )
    form = None if line.is_empty else TypedForm(posted(request), name=team.name)
    return confirm(request, confirmation, lambda _, by: remove_team(team=team, by=by), form)


def _team(teams: TeamQuerySet, team_id: str) -> Team:
    return get_object_or_404(teams.select_related("organization"), id=team_id)
