"""The log: what the gateway saw of an application's calls, and one call in detail."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from apim.access.models import Application
from apim.usage import reports, traces
from apim.usage.flows import flow_of
from portal.rendering import page
from portal.requests_log import named
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

_SHOWN = 50
_SPAN = timedelta(days=7)
_CLASSES = (("", "All"), ("2xx", "Answered"), ("4xx", "Refused"), ("5xx", "Failed"))


@require_GET
@my_page
def list_requests(request: PortalRequest, application_id: str) -> HttpResponse:
    """The log of an application, a page at a time, narrowed to a class of answers or to one status."""
    application = get_object_or_404(Application.objects.visible_to(request.user), id=application_id)
    status, before = request.GET.get("status", ""), request.GET.get("before", "")
    scope = reports.Scope(application_ids=[application.id])
    records, following = reports.log_page(scope, _SHOWN, status=status, before=before)
    context = {
        "section": "apps",
        "trail": [
            ("My apps", reverse("portal:applications")),
            (application.display_name, reverse("portal:application", args=[application.id])),
            ("Requests", ""),
        ],
        "application": application,
        "status": status,
        "classes": _CLASSES,
        "by_status": reports.totals(scope, reports.last(_SPAN)).by_status,
        "lines": named(records),
        "is_first": not before,
        "following": following,
    }
    return page(request, "portal/requests.html", context, "portal/_requests_table.html")


@require_GET
@my_page
def show_request(request: PortalRequest, request_id: str) -> HttpResponse:
    """One exchange and how the gateway decided it."""
    is_text = "\0" not in request_id
    record = reports.find_request(request_id, request.user) if is_text else None
    if record is None:
        raise Http404
    line = named([record])[0]
    found = traces.find_trace(request_id, request.user)
    context = {
        "section": "apps",
        "trail": [("My apps", reverse("portal:applications")), *_trail(line.application), ("Request", "")],
        "line": line,
        "record": record,
        "trace": traces.redacted(found.trace) if found is not None else None,
        "flow": flow_of(traces.redacted(found.trace)) if found is not None else None,
    }
    return page(request, "portal/request.html", context)


def _trail(application: Application | None) -> list[tuple[str, str]]:
    if application is None:
        return []
    return [(application.display_name, reverse("portal:application", args=[application.id]))]
