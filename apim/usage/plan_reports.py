"""Under which plans calls were made: the answer of sums, exact also where subscriptions moved meanwhile."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from django.db.models import Sum

from apim.products.models import PlanVersion
from apim.usage.models import PlanMove, UsageRollup
from apim.usage.reports import Scope, Span


class PlanUsage(NamedTuple):
    """Calls under one plan version. Shapes: version None = under none, or counted before plans were noted."""

    version: PlanVersion | None
    calls: int


def plans(scope: Scope, span: Span) -> list[PlanUsage]:
    """The calls of a span by plan version, the one with the most first, always in the same order. Four queries."""
    when = {"period": span.period, "at__gte": span.starts()[0], "at__lt": span.until}
    rows = UsageRollup.objects.filter(scope.filter(), **when).completed()
    moves = PlanMove.objects.filter(scope.filter(), **when).exclude(status=0)
    calls: Counter[str] = Counter()
    for version_id, count in rows.order_by().values_list("plan_version_id").annotate(Sum("calls")):
        calls[version_id] += count
    for version_id, count in moves.order_by().values_list("plan_version_id").annotate(Sum("calls")):
        calls[version_id] += count
    for version_id, count in moves.order_by().values_list("named_version_id").annotate(Sum("calls")):
        calls[version_id] -= count
    known = PlanVersion.objects.select_related("plan").in_bulk(calls.keys() - {""})
    found: Counter[str] = Counter()
    for version_id, count in calls.items():
        found[version_id if version_id in known else ""] += count
    return sorted((PlanUsage(known.get(each), count) for each, count in found.items() if count), key=_order)


def _order(usage: PlanUsage) -> tuple[int, bool, str, int]:
    """The one with the most calls first; of as many by name, the one of no plan last."""
    version = usage.version
    return (-usage.calls, False, version.plan.name, version.number) if version else (-usage.calls, True, "", 0)
