"""Who may see, change and decide about an API, and letting others in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import F
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext

from apim.accounts.models import Invitation, Membership, team_shown
from apim.accounts.permissions import leads
from apim.accounts.services import actor_of, invite, send_again, withdraw_invitation
from apim.console.forms.apis import ColleagueForm
from apim.console.gate import publisher_page
from apim.console.pages import listing, page, posted
from apim.console.scope import can_edit, find_api
from apim.errors import Forbidden
from apim.ui.forms import errors_on, errors_told

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from apim.catalog.models import API
    from apim.console.gate import ConsoleRequest

_INVITATIONS_SHOWN = 50


@publisher_page
def team_page(request: ConsoleRequest, name: str) -> HttpResponse:
    """The members of the API's organization with what each may do; who leads it invites others."""
    api = find_api(request.user, name)
    may_lead = leads(request.user, api.organization_id)
    names = dict(api.organization.teams.all().choices(whole="", current=api.team))
    form = ColleagueForm(posted(request), team=api.team, shown=names[api.team])
    waiting = Invitation.objects.visible_to(request.user).filter(organization=api.organization_id, accepted_at=None)
    if request.method == "POST":
        if not may_lead:
            raise Forbidden("console.not_leading", gettext("Owners of the whole organization let others in."))
        if request.POST.keys() & {"again", "withdraw"}:
            return _act_on_invitation(request, waiting, api)
        if form.is_valid():
            with errors_on(form):
                invitation = invite(organization=api.organization, by=actor_of(request.user), **form.values())
                text = gettext("%(email)s has mail with a link that is good for 7 days.")
                messages.success(request, text % {"email": invitation.email})
                return redirect("console:api-team", api.name)
    members = Membership.objects.filter(organization=api.organization_id, user__is_active=True).select_related("user")
    members = members.annotate(team_shown=team_shown())
    rows = listing(request, members.order_by(F("role").desc(), "team", "user__email"))
    return page(
        request,
        "console/apis/team.html",
        api=api,
        rows=rows,
        people=[(row, row.owns(api.team)) for row in rows],
        invitations=waiting.annotate(team_shown=team_shown()).order_by("email")[:_INVITATIONS_SHOWN],
        may_lead=may_lead,
        form=form,
        can_edit=can_edit(request.user, api),
    )


def _act_on_invitation(request: ConsoleRequest, waiting: QuerySet[Invitation], api: API) -> HttpResponse:
    """Sends the named invitation again or takes it back, and leads to the page."""
    is_again = "again" in request.POST
    rows = waiting.select_related("organization")
    invitation = get_object_or_404(rows, pk=request.POST["again" if is_again else "withdraw"])
    with errors_told(request):
        if is_again:
            send_again(invitation=invitation, by=actor_of(request.user))
            text = gettext("%(email)s has mail with a new link that is good for 7 days; the old one is worthless.")
        else:
            withdraw_invitation(invitation=invitation, by=actor_of(request.user))
            text = gettext("The invitation of %(email)s is withdrawn.")
        messages.success(request, text % {"email": invitation.email})
    return redirect("console:api-team", api.name)
