"""Traffic of an API or of one version: by status, how long, who, what failed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404

from apim.console.gate import publisher_page
from apim.console.pages import page
from apim.console.scope import can_edit, find_api
from apim.ui.charts import Column
from apim.usage import reports

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

SPANS = {
    "1h": ("Last hour", timedelta(hours=1)),
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
ERRORS_SHOWN = 25
TIME_FORMATS = {"minute": "%H:%M", "hour": "%d %b %H:%M", "day": "%d %b"}


@publisher_page
def api_analytics(request: ConsoleRequest, name: str, version: str = "") -> HttpResponse:
    """The traffic; ?span=1h|24h|7d|30d."""
    api = find_api(request.user, name)
    versions = list(api.versions.all())
    row = get_object_or_404(api.versions, name=version) if version else None
    scope = reports.Scope(version_ids=[row.id] if row else [each.id for each in versions])
    asked = request.GET.get("span", "")
    key = asked if asked in SPANS else "24h"
    title, length = SPANS[key]
    span = reports.last(length)
    form = TIME_FORMATS[span.period]
    points = reports.timeline(scope, span)
    return page(
        request,
        "console/apis/analytics.html",
        api=api,
        version=row,
        versions=versions,
        can_edit=can_edit(request.user, api),
        span=key,
        span_title=title,
        spans=[(value, text) for value, (text, _) in SPANS.items()],
        totals=reports.totals(scope, span),
        percentiles=reports.percentiles(scope, span),
        points=points,
        columns=[Column(point.at.strftime(form), point.by_class) for point in points],
        applications=reports.top_applications(scope, span),
        operations=reports.operations(scope, span)[:20],
        records=reports.latest_records(scope, ERRORS_SHOWN, only_errors=True),
    )
