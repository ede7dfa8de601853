"""What the usage part of an application's page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from apim.access.models import Subscription
from apim.ui.charts import Column
from apim.ui.templatetags.formats import axis_label
from apim.usage import quotas, reports
from portal.requests_log import Entry, listed

if TYPE_CHECKING:
    from apim.access.models import Application

RANGES = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
DEFAULT_RANGE = "24h"
_LATEST = 12
_MOST_COLUMNS = 72


@dataclass(frozen=True, slots=True)
class UsageView:
    """Numbers, picture and lines of one application in one range."""

    range_name: str
    totals: reports.Totals
    percentiles: reports.Percentiles
    columns: list[Column]
    operations: list[reports.OperationUsage]
    subscriptions: list[tuple[Subscription, list[quotas.Projected]]]
    latest: list[Entry]

    @property
    def has_calls(self) -> bool:
        """True once the application has called, in this range or lately."""
        return bool(self.totals.calls or self.latest)


def usage_of(application: Application, range_name: str) -> UsageView:
    """The usage of an application; an unknown range's name means the default."""
    range_name = range_name if range_name in RANGES else DEFAULT_RANGE
    scope = reports.Scope(application_ids=[application.id])
    span = reports.last(RANGES[range_name])
    names = "product", "plan_version__plan", "plan_change__to_version__plan"
    subscriptions = list(application.subscriptions.live().select_related(*names))
    gauges = quotas.projected(subscriptions)
    return UsageView(
        range_name=range_name,
        totals=reports.totals(scope, span),
        percentiles=reports.percentiles(scope, span),
        columns=columns_of(reports.timeline(scope, span), span.period),
        operations=reports.operations(scope, span)[:10],
        subscriptions=[(each, gauges[each.id]) for each in subscriptions],
        latest=listed(reports.latest_records(scope, _LATEST, organization_id=application.organization_id)),
    )


def columns_of(points: list[reports.Point], period: str) -> list[Column]:
    """The points as columns, neighbours added up until they fit a picture."""
    width = -(-len(points) // _MOST_COLUMNS) or 1
    columns = []
    for start in range(0, len(points), width):
        group = points[start : start + width]
        counts: dict[str, int] = {}
        for point in group:
            for name, calls in point.by_class.items():
                counts[name] = counts.get(name, 0) + calls
        columns.append(Column(axis_label(group[0].at, period), counts))
    return columns
