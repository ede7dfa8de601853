"""Who may see, change and decide about an API, and letting others in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import F
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from apim.accounts.models import Invitation, Membership
from apim.accounts.permissions import leads
from apim.accounts.services import actor_of, invite
from apim.console.forms.apis import ColleagueForm
from apim.console.gate import publisher_page
from apim.console.pages import listing, page, posted
from apim.console.scope import can_edit, find_api
from apim.errors import Forbidden
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_INVITATIONS_SHOWN = 50


@publisher_page
def team_page(request: ConsoleRequest, name: str) -> HttpResponse:
    """The members of the API's organization with what each may do; who leads it invites others."""
    api = find_api(request.user, name)
    may_lead = leads(request.user, api.organization_id)
    form = ColleagueForm(posted(request), team=api.team)
    if request.method == "POST":
        if not may_lead:
            raise Forbidden("console.not_leading", gettext("Owners of the whole organization let others in."))
        if form.is_valid():
            with errors_on(form):
                invitation = invite(organization=api.organization, by=actor_of(request.user), **form.values())
                text = gettext("%(email)s has mail with a link that is good for 7 days.")
                messages.success(request, text % {"email": invitation.email})
                return redirect("console:api-team", api.name)
    members = Membership.objects.filter(organization=api.organization_id, user__is_active=True).select_related("user")
    rows = listing(request, members.order_by(F("role").desc(), "team", "user__email"))
    waiting = Invitation.objects.visible_to(request.user).filter(organization=api.organization_id)
    return page(
        request,
        "console/apis/team.html",
        api=api,
        rows=rows,
        people=[(row, row.owns(api.team)) for row in rows],
        invitations=waiting.open(timezone.now()).order_by("email")[:_INVITATIONS_SHOWN],
        may_lead=may_lead,
        form=form,
        can_edit=can_edit(request.user, api),
    )
