"""What pages, the REST API and the CLI say about usage: read from the roll-ups, never by counting records.

Owns: the questions. Must not know: who may ask; callers pass objects that they fetched with `visible_to`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Max, Q, Sum
from django.utils import timezone

from apim.access.models import Application
from apim.accounts.models import User
from apim.accounts.permissions import is_admin
from apim.catalog.models import APIVersion
from apim.usage.bands import buckets_by, sums_by
from apim.usage.histogram import percentile_ms
from apim.usage.models import CallerRollup, LatencyRollup, UsageRecord, UsageRollup, UsageRollupQuerySet
from apim.usage.periods import end_of, start_of
from apim.usage.records import Asked, record_log

_MINUTES_UP_TO = timedelta(hours=6)
_HOURS_UP_TO = timedelta(days=7)
_SHARES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose calls a report counts: those of these versions, of these applications, or of both at once."""

    version_ids: Collection[str] | None = None
    application_ids: Collection[str] | None = None

    def filter(self) -> Q:
        """The condition that records and roll-ups of this scope meet."""
        condition = Q()
        if self.version_ids is not None:
            condition &= Q(version_id__in=self.version_ids)
        if self.application_ids is not None:
            condition &= Q(application_id__in=self.application_ids)
        return condition


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time and the step at which it is shown."""

    since: datetime
    until: datetime

    @property
    def period(self) -> str:
        """The finest roll-up that gives a readable number of points."""
        length = self.until - self.since
        return "minute" if length <= _MINUTES_UP_TO else "hour" if length <= _HOURS_UP_TO else "day"

    def starts(self) -> list[datetime]:
        """The start of each step, the first and last partial ones included."""
        starts = [start_of(self.period, self.since)]
        while (following := end_of(self.period, starts[-1])) < self.until:
            starts.append(following)
        return starts


def last(length: timedelta) -> Span:
    """The span that ends now."""
    now = timezone.now()
    return Span(now - length, now)


def this_month() -> Span:
    """The calendar month in UTC, up to now."""
    now = timezone.now()
    return Span(start_of("month", now), now)


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of a span. `indeterminate` exchanges were in flight when a worker died; they are not calls."""

    calls: int
    by_status: Mapping[int, int]
    indeterminate: int = 0

    @property
    def errors(self) -> int:
        """Answers of 500 to 599."""
        return self._answers(5)

    @property
    def refused(self) -> int:
        """Answers of 400 to 499."""
        return self._answers(4)

    def _answers(self, first_digit: int) -> int:
        return sum(calls for status, calls in self.by_status.items() if status // 100 == first_digit)


@dataclass(frozen=True, slots=True)
class Point:
    """One step of a timeline: calls by class of status ("2xx")."""

    at: datetime
    by_class: Mapping[str, int]

    @property
    def calls(self) -> int:
        """All calls of the step."""
        return sum(self.by_class.values())


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Durations that half, 95 % and 99 % of the calls stayed within, in milliseconds; None without calls."""

    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class OperationUsage:
    """Calls of one operation."""

    operation: str
    calls: int
    errors: int


class DayUsage(NamedTuple):
    """Calls of one operation on one day in UTC."""

    day: datetime
    operation: str
    calls: int
    refused: int
    failed: int


class CallerUsage(NamedTuple):
    """Calls of one application, and the beginning of the step of the last one."""

    calls: int
    last_call_at: datetime


@dataclass(slots=True)
class _Tally:
    by_status: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def totals(self) -> Totals:
        by_status = dict(sorted(self.by_status.items()))
        indeterminate = by_status.pop(0, 0)
        return Totals(sum(by_status.values()), by_status, indeterminate)


def totals(scope: Scope, span: Span) -> Totals:
    """The calls of a span by status, whole hours at its edges counted in full."""
    tally = _Tally()
    for status, calls in _rows(scope, span).values_list("status").annotate(Sum("calls")):
        tally.by_status[status] += calls
    return tally.totals()


def totals_by_application(application_ids: Collection[str], span: Span) -> dict[str, Totals]:
    """Totals of many applications at once, those without calls included."""
    tallies = {application_id: _Tally() for application_id in application_ids}
    rows = _rows(Scope(application_ids=application_ids), span).values_list("application_id", "status")
    for application_id, status, calls in rows.annotate(Sum("calls")):
        tallies[application_id].by_status[status] += calls
    return {application_id: tally.totals() for application_id, tally in tallies.items()}


def usage_of_application(application: Application, span: Span) -> dict[str, object]:
    """Shapes: {"calls": n, "by_status": {"200": n}, "indeterminate": n}, as REST and CLI print it."""
    sums = totals(Scope(application_ids=[application.id]), span)
    return {
        "calls": sums.calls,
        "by_status": {str(status): calls for status, calls in sums.by_status.items()},
        "indeterminate": sums.indeterminate,
    }


def timeline(scope: Scope, span: Span) -> list[Point]:
    """The calls of each step by class of status, steps without calls included."""
    by_start: dict[datetime, dict[str, int]] = {start: defaultdict(int) for start in span.starts()}
    for at, status, calls in _rows(scope, span).completed().values_list("at", "status").annotate(Sum("calls")):
        by_start[at][f"{status // 100}xx"] += calls
    return [Point(at, dict(by_class)) for at, by_class in sorted(by_start.items())]


def percentiles(scope: Scope, span: Span) -> Percentiles:
    """The latency of a span, from merged histograms."""
    rows = LatencyRollup.objects.between(span.period, span.starts()[0], span.until).filter(scope.filter())
    counts = buckets_by(sums_by(rows)).get((), {})
    return Percentiles(*(percentile_ms(counts, share) for share in _SHARES))


def operations(scope: Scope, span: Span) -> list[OperationUsage]:
    """The calls of each operation, the most called first; "" are calls that met no operation."""
    rows = _rows(scope, span).completed().values("operation")
    sums = rows.annotate(sum=Sum("calls"), failed=Sum("calls", filter=Q(status__gte=500))).order_by("-sum")
    return [OperationUsage(row["operation"], row["sum"], row["failed"] or 0) for row in sums]


def days(scope: Scope, span: Span) -> list[DayUsage]:
    """The calls of each day and operation that had any, the newest day and the most called operation first."""
    rows = UsageRollup.objects.between("day", start_of("day", span.since), span.until).filter(scope.filter())
    sums = (
        rows.completed()
        .values_list("at", "operation")
        .annotate(
            sum=Sum("calls"),
            refused=Sum("calls", filter=Q(status__gte=400, status__lt=500)),
            failed=Sum("calls", filter=Q(status__gte=500)),
        )
    )
    return [
        DayUsage(at, operation, calls, refused or 0, failed or 0)
        for at, operation, calls, refused, failed in sums.order_by("-at", "-sum", "operation")
    ]


def callers(scope: Scope, span: Span) -> dict[str, CallerUsage]:
    """Of the scope's applications those that called, by their ids."""
    rows = CallerRollup.objects.between(span.period, span.starts()[0], span.until)
    called = rows.filter(scope.filter(), calls__gt=0).values_list("application_id").annotate(Sum("calls"), Max("at"))
    return {application_id: CallerUsage(int(calls), at) for application_id, calls, at in called}


def latest_records(
    scope: Scope, limit: int = 50, *, organization_id: str, only_errors: bool = False
) -> list[UsageRecord]:
    """The newest exchanges that the organization made."""
    among = {
        "version_id": scope.version_ids, "application_id": scope.application_ids,
        "organization_id": ["", organization_id],
    }  # fmt: skip
    asked = Asked({column: values for column, values in among.items() if values is not None}, is_wrong=only_errors)
    return record_log().newest(asked, limit=limit)


def find_request(request_id: str, user: User, *, since: datetime | None = None) -> UsageRecord | None:
    """The exchange with this id, if the user may see the API that answered or the application that called.

    What an application called for another organization, before it was handed over, is that one's alone.
    """
    record = record_log().find(request_id, since=since)
    if record is None:
        return None
    is_visible = (
        may_see_calls(user, record.application_id, record.organization_id)
        or APIVersion.objects.editable_by(user).filter(id=record.version_id).exists()
    )
    return record if is_visible else None


def may_see_calls(user: User, application_id: str, organization_id: str) -> bool:
    """True when the user may see the application, and what it called for the organization."""
    applications = Application.objects.visible_to(user).filter(id=application_id)
    if organization_id and not is_admin(user):
        applications = applications.filter(organization=organization_id)
    return applications.exists()


def calling_applications(scope: Scope, span: Span) -> int:
    """How many applications called."""
    rows = _rows(scope, span).completed().exclude(application_id="")
    return rows.values("application_id").distinct().count()


def _rows(scope: Scope, span: Span) -> UsageRollupQuerySet:
    return UsageRollup.objects.between(span.period, span.starts()[0], span.until).filter(scope.filter())
