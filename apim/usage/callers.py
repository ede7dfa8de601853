"""Who really calls an operation: what a change breaks is told by those it breaks, known or not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Sum

from apim.access.models import Application
from apim.usage.models import CallerRollup, UsageRollup, UsageRollupQuerySet
from apim.usage.reports import Span


@dataclass(frozen=True, slots=True)
class Caller:
    """An application and what it called. Shapes: operations by name, the most called first."""

    application: Application
    operations: tuple[str, ...]
    calls: int
    last_call_at: datetime


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Calls that carried no known key and were let through, all together: whose they are nobody knows."""

    operations: tuple[str, ...]
    calls: int
    last_call_at: datetime


def callers_of(version_id: str, operations: Collection[str], span: Span) -> list[Caller]:
    """The applications that called one of the operations of a version within a span, the busiest first. Two queries."""
    rows = _calls(version_id, operations, span).exclude(application_id="")
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


def anonymous_of(version_id: str, operations: Collection[str], span: Span) -> Anonymous | None:
    """The calls of one of the operations within a span that no key was asked for; None for none. One query.

    What the gateway itself turned away is none: nobody lives by being refused.
    """
    rows = _calls(version_id, operations, span).charged().filter(application_id="")
    sums = list(rows.values("operation").annotate(sum=Sum("calls"), last=Max("at")).order_by("-sum"))
    if not sums:
        return None
    called = tuple(row["operation"] for row in sums)
    return Anonymous(called, sum(row["sum"] for row in sums), max(row["last"] for row in sums))


def _calls(version_id: str, operations: Collection[str], span: Span) -> UsageRollupQuerySet:
    rolled_up = UsageRollup.objects.between(span.period, span.starts()[0], span.until).completed()
    return rolled_up.filter(version_id=version_id, operation__in=operations)


@dataclass(frozen=True, slots=True)
class VersionCallers:
    """Who called a version. Shapes: callers = (application, its calls), the busiest first; anonymous = other calls."""

    callers: tuple[tuple[Application, int], ...]
    anonymous: int


def callers_of_version(version_id: str, span: Span) -> VersionCallers:
    """Who called a version within a span, whatever of it. Three queries."""
    rolled_up = UsageRollup.objects.between(span.period, span.starts()[0], span.until).filter(version_id=version_id)
    rows = rolled_up.completed().exclude(application_id="").values_list("application_id").annotate(sum=Sum("calls"))
    sums: dict[str, int] = dict(rows)
    anonymous: int = rolled_up.charged().filter(application_id="").aggregate(sum=Sum("calls"))["sum"] or 0
    known = Application.objects.select_related("organization").in_bulk(sums)
    busiest = sorted(sums.items(), key=lambda row: (-row[1], row[0]))
    return VersionCallers(tuple((known[key], calls) for key, calls in busiest if key in known), anonymous)


def numbers_of_callers(version_ids: Collection[str], since: datetime) -> dict[str, int]:
    """How many applications called each version on the days since then; without those that nobody called. One query."""
    days = CallerRollup.objects.filter(period="day", at__gte=since, version_id__in=version_ids)
    numbers = days.exclude(application_id="").values_list("version_id")
    return dict(numbers.annotate(Count("application_id", distinct=True)))
