"""My home: applications, quotas, what went wrong lately."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Max
from django.shortcuts import redirect

from apim.access.models import Application, Subscription
from apim.catalog.namesakes import told_apart
from apim.usage import quotas, reports
from portal.rendering import page
from portal.requests_log import listed
from portal.tenancy import PortalRequest, my_page
from portal.views.access import CONTINUE_AT
from portal.views.catalogue import callable_apis

if TYPE_CHECKING:
    from django.http import HttpResponse

_ERRORS_SHOWN = 8
_APIS_SHOWN = 3


@my_page
def show_home(request: PortalRequest) -> HttpResponse:
    """The start page; who was on the way to access when they signed up goes on there."""
    if target := request.session.pop(CONTINUE_AT, None):
        return redirect(target)
    organization = request.tenancy.organization
    applications = list(
        Application.objects.visible_to(request.user)
        .filter(organization=organization)
        .annotate(last_used_at=Max("credentials__last_used_at"))
    )
    subscriptions = list(
        Subscription.objects.visible_to(request.user)
        .live()
        .filter(organization=organization)
        .with_names()
        .select_related("plan_change__to_version__plan")
    )
    ids = [each.id for each in applications]
    scope, week = reports.Scope(application_ids=ids), reports.last(timedelta(days=7))
    calls = reports.totals_by_application(ids, week)
    gauges = quotas.projected(subscriptions)
    context = {
        "section": "home",
        "applications": sorted(((each, calls[each.id]) for each in applications), key=lambda row: -row[1].calls),
        "subscriptions": [(each, gauges[each.id]) for each in subscriptions],
        "totals": reports.totals(scope, week),
        "errors": listed(
            reports.latest_records(
                scope, _ERRORS_SHOWN, organization_id=organization.id if organization else "", only_errors=True
            )
        ),
    }
    if not applications:
        context["apis"] = told_apart(callable_apis(request.user)[:_APIS_SHOWN])
    return page(request, "portal/home.html", context)
