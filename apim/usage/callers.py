"""Who really calls an operation: what a change breaks is told by those it breaks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Max, Sum

from apim.access.models import Application
from apim.usage.models import UsageRollup
from apim.usage.reports import Span


@dataclass(frozen=True, slots=True)
class Caller:
    """An application and what it called. Shapes: operations by name, the most called first."""

    application: Application
    operations: tuple[str, ...]
    calls: int
    last_call_at: datetime


def callers_of(version_id: str, operations: Collection[str], span: Span) -> list[Caller]:
    """The applications that called one of the operations of a version within a span, the busiest first. Two queries."""
    rolled_up = UsageRollup.objects.between(span.period, span.starts()[0], span.until).completed()
    rows = rolled_up.filter(version_id=version_id, operation__in=operations).exclude(application_id="")
    sums = rows.values("application_id", "operation").annotate(sum=Sum("calls"), last=Max("at")).order_by("-sum")
    by_application: dict[str, list[Mapping[str, Any]]] = {}
    for row in sums:
        by_application.setdefault(row["application_id"], []).append(row)
    known = Application.objects.select_related("organization").in_bulk(by_application)
    callers = [
        Caller(
            known[application_id],
            tuple(row["operation"] for row in called),
            sum(row["sum"] for row in called),
            max(row["last"] for row in called),
        )
        for application_id, called in by_application.items()
        if application_id in known  # a deleted application calls no more
    ]
    return sorted(callers, key=lambda caller: -caller.calls)
