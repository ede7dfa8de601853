"""Applications: the list, one with its usage, and changing it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Count, Max, Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods

from apim.access.models import Application, Credential
from apim.access.services import delete_application, update_application
from apim.accounts.permissions import speaks_for
from apim.accounts.services import actor_of, register_developer
from apim.gateways.services import default_environment
from apim.onboarding.journeys import just_arrived
from apim.ui.forms import errors_on
from apim.ui.ranges import with_old_ranges
from apim.ui.typed import TypedForm
from apim.usage import reports
from portal import fresh_key
from portal.forms.applications import ApplicationForm, NewApplicationForm
from portal.forms.teams import WHOLE, TeamChoiceForm
from portal.getting_access import new_application
from portal.rendering import Confirmation, confirm, leave_to, page, posted
from portal.samples import sample_calls
from portal.tenancy import PortalRequest, my_page
from portal.usage_pages import RANGES, usage_of

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.accounts.models import Team
    from apim.products.models import ProductItem

_NO_TEAM: Final = "-"  # no slug is that


@require_GET
@my_page
def list_applications(request: PortalRequest) -> HttpResponse:
    """The applications of the organization acted for, of one team with ?team=, of none with ?team=-."""
    organization = request.tenancy.organization
    team = request.GET.get("team", "")
    live = Q(credentials__state__in=Credential.LIVE)
    applications = (
        Application.objects.visible_to(request.user)
        .filter(organization=organization)
        .annotate(live_keys=Count("credentials", filter=live), last_used_at=Max("credentials__last_used_at"))
        .order_by("name")  # grouped rows come in no order of their own
    )
    if team:
        applications = applications.filter(team="" if team == _NO_TEAM else team)
    week = reports.last(timedelta(days=7))
    calls = reports.totals_by_application([each.id for each in applications], week)
    teams = dict(organization.teams.values_list("name", "display_name")) if organization else {}
    rows = [(each, calls[each.id], teams.get(each.team, each.team)) for each in applications]
    context = {
        "section": "apps",
        "applications": rows,
        "teams": [*teams.items(), (_NO_TEAM, WHOLE)] if teams else [],
        "team": team,
    }
    return page(request, "portal/applications.html", context)


@require_http_methods(["GET", "POST"])
@my_page
def add_application(request: PortalRequest) -> HttpResponse:
    """A new application."""
    organization = request.tenancy.organization
    form = NewApplicationForm(posted(request), organization=organization, user=request.user)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            owner = organization or register_developer(request.user)
            application = new_application(organization=owner, user=request.user, **form.cleaned_data)
            return redirect("portal:application", application.id)
    context = {
        "section": "apps",
        "form": form,
        "title": _("New application"),
        "verb": _("Create the application"),
        "back": reverse("portal:applications"),
    }
    return page(request, "portal/form.html", context)


@require_GET
@with_old_ranges
@my_page
def show_application(request: PortalRequest, application_id: str) -> HttpResponse:
    """One application: keys, subscriptions, usage, latest requests."""
    application = _application(request, application_id)
    kept = fresh_key.recall(request)
    key = kept.key if kept and kept.application_id == application.id else ""
    usage = usage_of(application, request.GET.get("range", ""))
    calls = [] if usage.has_calls and not key else sample_calls(_opened_items(application), default_environment())
    context = {
        "section": "apps",
        "trail": [(_("My apps"), reverse("portal:applications")), (application.display_name, "")],
        "application": application,
        "team": _team_of(application),
        "has_teams": application.organization.teams.exists(),
        "may_hand_over": speaks_for(request.user, application.organization_id),
        "keys": application.credentials.select_related("product", "successor"),
        "usage": usage,
        "ranges": RANGES,
        "key": key,
        "curl": calls[0].curl(key) if calls else "",
        "sample": calls[0] if calls else None,
        "first_call": just_arrived(application.id, timezone.now()),
    }
    return page(request, "portal/application.html", context)


@require_GET
@with_old_ranges
@my_page
def show_usage(request: PortalRequest, application_id: str) -> HttpResponse:
    """The piece of the page that keeps itself fresh; opened by itself it leads to the whole page."""
    application = _application(request, application_id)
    if not request.headers.get("HX-Request"):
        query = f"?{request.GET.urlencode()}" if request.GET else ""
        return redirect(f"{reverse('portal:application', args=[application.id])}{query}#usage")
    usage = usage_of(application, request.GET.get("range", ""))
    calls = [] if usage.has_calls else sample_calls(_opened_items(application), default_environment())
    context = {
        "application": application,
        "usage": usage,
        "ranges": RANGES,
        "curl": calls[0].curl() if calls else "",
        "first_call": just_arrived(application.id, timezone.now()),
    }
    return page(request, "portal/_application_usage.html", context)


@require_http_methods(["GET", "POST"])
@my_page
def edit_application(request: PortalRequest, application_id: str) -> HttpResponse:
    """The words about an application."""
    application = _application(request, application_id)
    initial = {"display_name": application.display_name, "description": application.description}
    form = ApplicationForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            update_application(application=application, changes=form.cleaned_data, by=actor_of(request.user))
            messages.success(request, _("The application is saved."))
            return redirect("portal:application", application.id)
    context = {
        "section": "apps",
        "form": form,
        "title": _("Rename %(application)s") % {"application": application},
        "verb": _("Save"),
        "back": reverse("portal:application", args=[application.id]),
    }
    return page(request, "portal/form.html", context)


@require_http_methods(["GET", "POST"])
@my_page
def move_application(request: PortalRequest, application_id: str) -> HttpResponse:
    """Gives an application to another team; ?to= is chosen already, so that a move is taken back by one press."""
    application = _application(request, application_id)
    here, before = reverse("portal:application_team", args=[application.id]), application.team
    form = TeamChoiceForm(
        posted(request), organization=application.organization, user=request.user, current=before,
        initial={"team": request.GET["to"]} if "to" in request.GET else None,
    )  # fmt: skip
    back = reverse("portal:application", args=[application.id])
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            update_application(application=application, changes=form.cleaned_data, by=actor_of(request.user))
            undo = f"undo:{here}?{urlencode({'to': before})}"
            messages.success(request, _moved_words(application, form.cleaned_data["team"]), extra_tags=undo)
            return leave_to(request, back)
    confirmation = Confirmation(
        title=_("Whose is %(application)s?") % {"application": application},
        consequences=(_("Its keys and subscriptions stay as they are. What changes is who else sees and manages it."),),
        verb=_("Move it"),
        back=back,
        done="",
        verb_class="button--primary",
    )
    return page(request, "portal/confirm.html", {"confirmation": confirmation, "form": form}, "components/confirm.html")


@require_http_methods(["GET", "POST"])
@my_page
def remove_application(request: PortalRequest, application_id: str) -> HttpResponse:
    """Deletes an application after saying what that ends."""
    application = _application(request, application_id)
    keys = application.credentials.live().count()
    week = reports.totals(reports.Scope(application_ids=[application.id]), reports.last(timedelta(days=7)))
    consequences = (
        ngettext(
            "%(number)s live key will stop working at once.", "%(number)s live keys will stop working at once.", keys
        )
        % {"number": keys},
        ngettext(
            "It made %(number)s call in the last 7 days.", "It made %(number)s calls in the last 7 days.", week.calls
        )
        % {"number": f"{week.calls:,}"},
        _("Subscriptions stay with your organization's other applications. This cannot be undone."),
    )
    confirmation = Confirmation(
        title=_("Delete %(application)s?") % {"application": application},
        consequences=consequences,
        verb=_("Delete the application"),
        back=reverse("portal:application", args=[application.id]),
        done=_("%(application)s is deleted.") % {"application": application},
        goes_to=reverse("portal:applications"),
    )
    form = TypedForm(posted(request), name=application.name) if keys else None  # without keys nothing can break
    return confirm(request, confirmation, lambda _, by: delete_application(application=application, by=by), form)


def _application(request: PortalRequest, application_id: str) -> Application:
    applications = Application.objects.visible_to(request.user).select_related("organization")
    return get_object_or_404(applications, id=application_id)


def _team_of(application: Application) -> Team | None:
    return application.organization.teams.filter(name=application.team).first() if application.team else None


def _opened_items(application: Application) -> list[ProductItem]:
    return [
        item
        for subscription in application.subscriptions.live().prefetch_related("product__items__version__api")
        for item in subscription.product.items.all()
        if item.version.is_callable
    ]


def _moved_words(application: Application, name: str) -> str:
    """Whose the application is now."""
    if not name:
        return _("%(application)s belongs to the whole organization now.") % {"application": application}
    team = application.organization.teams.filter(name=name).first() or name
    return _("%(application)s belongs to the team %(team)s now.") % {"application": application, "team": team}
