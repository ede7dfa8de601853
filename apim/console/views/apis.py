"""Pages of an API: list, settings, archive, restore, delete, consumers."""

from __future__ import annotations

from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import transaction
from django.db.models import Prefetch, Q
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from apim.access.models import Application, Subscription
from apim.accounts.models import team_shown
from apim.accounts.services import actor_of
from apim.catalog.models import APIVersion
from apim.catalog.services import archive_api, delete_api, deletion_consequences, lock_api, restore_api, update_api
from apim.console.consequences import archive_sentences, deletion_sentences
from apim.console.forms.apis import APISettingsForm
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.console.problems import problems_of
from apim.console.scope import apis_of, can_edit, find_api, find_api_to_edit
from apim.console.seen import api_saved_meanwhile, is_current, seen_of_api
from apim.console.views.home import health_of
from apim.products.models import ProductItem
from apim.ui.forms import errors_on
from apim.ui.states import LOOKS
from apim.ui.timeline import Life
from apim.ui.typed import TypedForm
from apim.usage import reports, version_reports
from apim.usage.callers import numbers_of_callers
from apim.usage.periods import start_of
from apim.usage.quotas import projected

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

CONSUMER_SPAN = timedelta(days=30)
_SHOWN = (  # of a consumer: whole rows have texts and prices, which take longer to unfold than to show
    "lifecycle", "organization__display_name", "product__name", "product__display_name", "plan_version__quotas",
    "plan_version__weights", "plan_version__timezone", "plan_version__plan__display_name",
)  # fmt: skip
_CALLERS_SPAN = timedelta(days=6)  # and today


@publisher_page
def api_list(request: ConsoleRequest) -> HttpResponse:
    """My APIs. Filters, kept in the URL: q in the name, state of a version, archived ones."""
    query, state = request.GET.get("q", "").strip(), request.GET.get("state", "")
    is_archived = request.GET.get("archived") == "1"
    apis = apis_of(request.user).filter(archived_at__isnull=not is_archived).annotate(team_shown=team_shown())
    if query:
        named = Q(name__icontains=query) | Q(display_name__icontains=query)
        apis = apis.filter(named | Q(team__icontains=query) | Q(team_shown__icontains=query))
    if state in APIVersion.State.values:
        apis = apis.filter(versions__state=state).distinct()
    rows = listing(request, apis.select_related("organization").prefetch_related("versions"))
    return page(
        request,
        "console/apis/list.html",
        rows=rows,
        health=health_of(list(rows)),
        query=query,
        state=state,
        states=[(each, LOOKS[each].word) for each in APIVersion.State.values],
        is_archived=is_archived,
        is_filtered=bool(query or state or is_archived),
    )


@publisher_page
def api_page(request: ConsoleRequest, name: str) -> HttpResponse:
    """An API: its versions and what runs."""
    api = find_api(request.user, name)
    rows = api.versions.select_related("successor")
    versions = list(rows.prefetch_related("deployments__revision", "deployments__environment"))
    span, ids = reports.last(timedelta(hours=24)), [version.id for version in versions]
    callers = numbers_of_callers(ids, start_of("day", timezone.now() - _CALLERS_SPAN))
    return page(
        request,
        "console/apis/page.html",
        api=api,
        versions=versions,
        lives=[
            Life(each.name, each.state, each.published_at, each.deprecated_at, each.sunset_at, callers.get(each.id, 0))
            for each in versions
            if each.published_at
        ],
        totals=version_reports.totals_by_version(ids, span),
        lines=version_reports.calls_by_version(ids, span),
        problems=problems_of({api.id, *(version.id for version in versions)}),
        can_edit=can_edit(request.user, api),
    )


@publisher_page
def api_settings(request: ConsoleRequest, name: str) -> HttpResponse:
    """Name shown, description, visibility, team, header of the key."""
    api = find_api_to_edit(request.user, name)
    form = APISettingsForm(posted(request), instance=copy(api), user=request.user)
    if request.method == "POST" and form.is_valid():
        with errors_on(form), transaction.atomic():
            lock_api(api)  # nobody saves between the look and the write
            if is_current(request, form, now=seen_of_api(api), told=api_saved_meanwhile()):
                update_api(api=api, changes=form.cleaned_data, by=actor_of(request.user))
                messages.success(request, gettext("Saved."))
                return redirect("console:api", api.name)
    return page(request, "console/apis/settings.html", api=api, form=form, seen=seen_of_api(api), can_edit=True)


@publisher_page
def api_archive(request: ConsoleRequest, name: str) -> HttpResponse:
    """Asks, then takes the API off the portal and the gateways."""
    api = find_api_to_edit(request.user, name)
    confirmation = Confirmation(
        title=gettext("Archive %(api)s?") % {"api": api.display_name},
        consequences=archive_sentences(deletion_consequences(api)),
        verb=gettext("Archive it"),
        back=reverse("console:api", args=[api.name]),
        done=gettext("%(api)s is archived.") % {"api": api.display_name},
        undo=reverse("console:api-restore", args=[api.name]),
    )
    return confirm(request, confirmation, lambda _, by: archive_api(api=api, by=by))


@publisher_page
def api_restore(request: ConsoleRequest, name: str) -> HttpResponse:
    """Asks, then brings an archived API back."""
    api = find_api_to_edit(request.user, name)
    confirmation = Confirmation(
        title=gettext("Restore %(api)s?") % {"api": api.display_name},
        consequences=(gettext("Its published versions answer again, and the portal shows it again."),),
        verb=gettext("Restore it"),
        back=reverse("console:api", args=[api.name]),
        done=gettext("%(api)s is restored.") % {"api": api.display_name},
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: restore_api(api=api, by=by))


@publisher_page
def api_delete(request: ConsoleRequest, name: str) -> HttpResponse:
    """Asks, then removes the API for good."""
    api = find_api_to_edit(request.user, name)
    consequences = deletion_consequences(api)
    confirmation = Confirmation(
        title=gettext("Delete %(api)s for good?") % {"api": api.display_name},
        consequences=deletion_sentences(consequences),
        verb=gettext("Delete it for good") if consequences.can_delete else "",
        back=reverse("console:apis"),
        done=gettext("%(api)s is deleted.") % {"api": api.display_name},
    )
    form = TypedForm(posted(request), name=api.name) if consequences.can_delete else None
    return confirm(request, confirmation, lambda _, by: delete_api(api=api, by=by), form)


@publisher_page
def api_consumers(request: ConsoleRequest, name: str) -> HttpResponse:
    """Who may call the API and who does."""
    api = find_api(request.user, name)
    version_ids = list(api.versions.values_list("id", flat=True))
    opening = ProductItem.objects.filter(version__in=version_ids).values("product")
    subscriptions = (
        Subscription.objects.visible_to(request.user)
        .filter(product__in=opening, lifecycle__in=Subscription.LIVE)
        .select_related("organization", "product", "plan_version__plan")
        .only(*_SHOWN)
        .prefetch_related(Prefetch("applications", Application.objects.only("display_name"), to_attr="callers"))
    )
    rows = listing(request, subscriptions)
    shown = [application.pk for row in rows for application in row.callers]  # type: ignore[attr-defined]
    return page(
        request,
        "console/apis/consumers.html",
        api=api,
        rows=rows,
        quotas={key: [each for each in found if each.gauge.used] for key, found in projected(list(rows)).items()},
        calls=reports.callers(reports.Scope(version_ids, shown), reports.last(CONSUMER_SPAN)),
        can_edit=can_edit(request.user, api),
    )
