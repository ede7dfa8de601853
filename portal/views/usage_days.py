"""Usage by day and operation: as a page, and as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apim.access.models import Application
from apim.ui.downloads import csv_response
from portal.rendering import page
from portal.tenancy import PortalRequest, my_page
from portal.usage_days import RANGES, days_of, rows_of

if TYPE_CHECKING:
    from django.http import HttpResponse

_COLUMNS = ("day", "operation", "calls", "refused", "failed")


@require_GET
@my_page
def show_days(request: PortalRequest, application_id: str) -> HttpResponse:
    """What the application called, a day a row."""
    application = get_object_or_404(Application.objects.visible_to(request.user), id=application_id)
    context = {
        "section": "apps",
        "trail": [
            (_("My apps"), reverse("portal:applications")),
            (application.display_name, reverse("portal:application", args=[application.id])),
            (_("Usage by day"), ""),
        ],
        "application": application,
        "usage": days_of(application, request.GET.get("range", "")),
        "ranges": RANGES,
    }
    return page(request, "portal/usage_days.html", context)


@require_GET
@my_page
def download_days(request: PortalRequest, application_id: str) -> HttpResponse:
    """The calls of each day and operation, all of them, as CSV."""
    application = get_object_or_404(Application.objects.visible_to(request.user), id=application_id)
    rows = rows_of(application, request.GET.get("range", ""))
    return csv_response(f"usage-{application.name}", _COLUMNS, [(f"{row.day:%Y-%m-%d}", *row[1:]) for row in rows])
