"""Organizations and the applications in them: suspend, resume, delegate."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from apim.access.models import Application, Credential, Subscription
from apim.access.services import (
    resume_application,
    resume_organization,
    suspend_application,
    suspend_organization,
)
from apim.accounts.models import Membership, Organization, team_shown
from apim.accounts.services import actor_of, create_organization, update_organization
from apim.catalog.models import API
from apim.console.forms.people import NewOrganizationForm, OrganizationForm
from apim.console.forms.versions import ReasonForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@admin_page
def organization_list(request: ConsoleRequest) -> HttpResponse:
    """Tenants; ?q= in the name."""
    query = request.GET.get("q", "").strip()
    rows = Organization.objects.annotate(
        people=_number_of(Membership.objects.all(), "organization"),
        owned_apis=_number_of(API.objects.all(), "organization"),
        owned_applications=_number_of(Application.objects.all(), "organization"),
    ).order_by("name")
    if query:
        rows = rows.filter(Q(name__icontains=query) | Q(display_name__icontains=query))
    return page(request, "console/admin/organizations.html", rows=listing(request, rows), query=query)


@admin_page
def organization_new(request: ConsoleRequest) -> HttpResponse:
    """A new tenant."""
    form = NewOrganizationForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            organization = create_organization(**form.cleaned_data, by=actor_of(request.user))
            return redirect("console:admin-organization", organization.name)
    return page(request, "console/admin/organization_new.html", form=form)


@admin_page
def organization_page(request: ConsoleRequest, name: str) -> HttpResponse:
    """A tenant: its people, applications, and what its owners may do."""
    organization = get_object_or_404(Organization, name=name)
    form = OrganizationForm(posted(request), instance=copy(organization))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            update_organization(organization=organization, changes=form.cleaned_data, by=actor_of(request.user))
            messages.success(request, gettext("Saved."))
            return redirect("console:admin-organization", name)
    return page(
        request,
        "console/admin/organization.html",
        organization=organization,
        form=form,
        memberships=organization.memberships.select_related("user")
        .annotate(team_shown=team_shown())
        .order_by("user__email"),
        teams=organization.teams.all(),
        applications=organization.applications.annotate(team_shown=team_shown()),
        apis=organization.apis.all(),
    )


@admin_page
def organization_suspend(request: ConsoleRequest, name: str) -> HttpResponse:
    """Asks, then refuses every call of the organization."""
    row = get_object_or_404(Organization, name=name)
    applications = row.applications.count()
    confirmation = Confirmation(
        title=gettext("Suspend %(row)s?") % {"row": row.display_name},
        consequences=(
            ngettext(
                "Its %(count)d application get 403 forbidden within a second.",
                "Its %(count)d applications get 403 forbidden within a second.",
                applications,
            )
            % {"count": applications},
            gettext("Its APIs go on answering others. Resuming undoes it."),
        ),
        verb=gettext("Suspend it"),
        back=reverse("console:admin-organization", args=[name]),
        done=gettext("%(row)s is suspended.") % {"row": row.display_name},
        undo=reverse("console:admin-organization-resume", args=[name]),
    )
    form = ReasonForm(posted(request))
    return confirm(request, confirmation, lambda data, by: suspend_organization(organization=row, by=by, **data), form)


@admin_page
def organization_resume(request: ConsoleRequest, name: str) -> HttpResponse:
    """Asks, then lets the organization call again."""
    row = get_object_or_404(Organization, name=name)
    confirmation = Confirmation(
        title=gettext("Resume %(row)s?") % {"row": row.display_name},
        consequences=(gettext("Its keys work again within a second."),),
        verb=gettext("Resume it"),
        back=reverse("console:admin-organization", args=[name]),
        done=gettext("%(row)s may call again.") % {"row": row.display_name},
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: resume_organization(organization=row, by=by))


@admin_page
def application_list(request: ConsoleRequest) -> HttpResponse:
    """Every application; ?q= in its name or organization, ?state=."""
    query, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    rows = Application.objects.visible_to(request.user).select_related("organization")
    if query:
        rows = rows.filter(
            Q(name__icontains=query) | Q(display_name__icontains=query) | Q(organization__name__icontains=query)
        )
    if state in Application.State.values:
        rows = rows.filter(state=state)
    live = _number_of(Subscription.objects.filter(lifecycle__in=Subscription.LIVE), "applications")
    keys = _number_of(Credential.objects.all(), "application")
    rows = rows.annotate(live=live, keys=keys, team_shown=team_shown()).order_by("organization__name", "name")
    return page(
        request,
        "console/admin/applications.html",
        rows=listing(request, rows),
        query=query,
        state=state,
        states=Application.State.choices,
    )


def _number_of(rows: QuerySet[Any], owner: str) -> Coalesce:
    """How many of the rows an owner has: asked of those shown alone, where a join would count for all."""
    mine = rows.order_by().filter(**{owner: OuterRef("pk")}).values(owner)
    return Coalesce(Subquery(mine.annotate(number=Count("pk")).values("number")), 0)


@admin_page
def application_suspend(request: ConsoleRequest, pk: str) -> HttpResponse:
    """Asks, then refuses every call of the application."""
    row = get_object_or_404(Application, pk=pk)
    confirmation = Confirmation(
        title=gettext("Suspend the application %(row)s?") % {"row": row},
        consequences=(
            gettext("Each of its keys gets 403 forbidden within a second."),
            gettext("Resuming undoes it; keys stay as they are."),
        ),
        verb=gettext("Suspend it"),
        back=reverse("console:admin-applications"),
        done=gettext("%(row)s is suspended.") % {"row": row},
        undo=reverse("console:admin-application-resume", args=[pk]),
    )
    form = ReasonForm(posted(request))
    return confirm(request, confirmation, lambda data, by: suspend_application(application=row, by=by, **data), form)


@admin_page
def application_resume(request: ConsoleRequest, pk: str) -> HttpResponse:
    """Asks, then lets the application call again."""
    row = get_object_or_404(Application, pk=pk)
    confirmation = Confirmation(
        title=gettext("Resume the application %(row)s?") % {"row": row},
        consequences=(gettext("Its keys work again within a second."),),
        verb=gettext("Resume it"),
        back=reverse("console:admin-applications"),
        done=gettext("%(row)s may call again.") % {"row": row},
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: resume_application(application=row, by=by))
