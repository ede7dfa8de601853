"""The log: what the gateway saw of an application's calls, and one call in detail."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from apim.access.models import Application
from apim.ui.downloads import csv_response
from apim.ui.ranges import with_old_ranges
from apim.usage import reports, traces
from apim.usage.flows import flow_of
from apim.usage.request_log import latest, page_of
from portal.forms.requests import RequestFilterForm
from portal.rendering import page
from portal.requests_log import listed, named
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

_SHOWN = 25
_SPAN = timedelta(days=7)
_MOST_ROWS = 10_000
_COLUMNS = (
    "at", "request_id", "operation", "path", "status", "code", "duration_us", "upstream_us", "request_bytes",
    "response_bytes", "credential_id", "client_request_id",
)  # fmt: skip
_CLASSES = (
    ("", gettext_lazy("All")),
    ("2xx", gettext_lazy("Answered")),
    ("4xx", gettext_lazy("Refused")),
    ("5xx", gettext_lazy("Failed")),
)


@require_GET
@with_old_ranges
@my_page
def list_requests(request: PortalRequest, application_id: str) -> HttpResponse:
    """The log of an application, a page at a time, narrowed by what the URL says."""
    application = get_object_or_404(Application.objects.visible_to(request.user), id=application_id)
    form = RequestFilterForm(request.GET, credentials=application.credentials.all())
    wanted, before = form.wanted(), request.GET.get("before", "")
    scope = reports.Scope(application_ids=[application.id])
    records, following = page_of(application, wanted, limit=_SHOWN, before=before)
    context = {
        "section": "apps",
        "trail": [
            (_("My apps"), reverse("portal:applications")),
            (application.display_name, reverse("portal:application", args=[application.id])),
            (_("Requests"), ""),
        ],
        "application": application,
        "status": wanted.status,
        "filters": form,
        "is_narrowed": wanted.is_narrowed,
        "classes": _CLASSES,
        "by_status": reports.totals(scope, reports.last(_SPAN)).by_status,
        "lines": listed(records),
        "is_first": not before,
        "following": following,
    }
    return page(request, "portal/requests.html", context, "portal/_requests_table.html")


@require_GET
@with_old_ranges
@my_page
def download_requests(request: PortalRequest, application_id: str) -> HttpResponse:
    """The newest of the calls that the URL asks for, as CSV."""
    application = get_object_or_404(Application.objects.visible_to(request.user), id=application_id)
    form = RequestFilterForm(request.GET, credentials=application.credentials.all())
    calls = latest(application, form.wanted(), limit=_MOST_ROWS)
    values = ([getattr(call, column) for column in _COLUMNS] for call in calls)
    rows = ([value.isoformat() if isinstance(value, datetime) else value for value in row] for row in values)
    return csv_response(f"requests-{application.name}", _COLUMNS, rows)


@require_GET
@my_page
def show_request(request: PortalRequest, request_id: str) -> HttpResponse:
    """One exchange and how the gateway decided it."""
    record = reports.find_request(request_id, request.user)
    if record is None:
        raise Http404
    line = named(record)
    found = traces.find_trace(request_id, request.user)
    context = {
        "section": "apps",
        "trail": [(_("My apps"), reverse("portal:applications")), *_trail(line.application), (_("Request"), "")],
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
