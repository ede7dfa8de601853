"""How well versions answered day by day, read from the sums by version: at most one row a version and day."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import F, Sum
from django.utils import timezone

from apim.usage.bands import buckets_by, sums_by
from apim.usage.histogram import percentile_ms
from apim.usage.periods import start_of
from apim.usage.version_rollups import VersionLatency, VersionRollup

_GOOD_SHARE, _FAIR_SHARE = 0.999, 0.99


@dataclass(frozen=True, slots=True)
class DayOfService:
    """A day in UTC. Shapes: share = answers that were no 5xx, of all; None = nobody called, so nothing is known."""

    day: date
    share: float | None

    @property
    def level(self) -> str:
        """`none`, `good`, `fair` or `poor`."""
        if self.share is None:
            return "none"
        return "good" if self.share >= _GOOD_SHARE else "fair" if self.share >= _FAIR_SHARE else "poor"


@dataclass(frozen=True, slots=True)
class Service:
    """How versions answered over days; share and p95_ms are None when nobody called."""

    days: tuple[DayOfService, ...]
    share: float | None
    p95_ms: float | None

    @property
    def silent_days(self) -> int:
        """Days without a call."""
        return sum(day.share is None for day in self.days)


def service_of(version_ids: Collection[str], *, environment_id: str, days: int) -> Service:
    """The days up to today. Answers of 500 and above count as failures, whoever gave them. Two queries."""
    today = start_of("day", timezone.now())
    since, until = today - timedelta(days=days - 1), today + timedelta(days=1)
    scope = {"version_id__in": version_ids, "environment_id": environment_id}
    rows = VersionRollup.objects.between("day", since, until).filter(**scope).values_list("at")
    sums: dict[datetime, tuple[int, int]] = {
        at: (calls, failures)
        for at, calls, failures in rows.annotate(Sum("calls"), failures=Sum(F("failed") + F("unreached")))
    }
    buckets = VersionLatency.objects.between("day", since, until).filter(**scope)
    starts = [since + timedelta(days=number) for number in range(days)]
    return Service(
        days=tuple(DayOfService(start.date(), _share(*sums.get(start, (0, 0)))) for start in starts),
        share=_share(sum(calls for calls, _ in sums.values()), sum(failures for _, failures in sums.values())),
        p95_ms=percentile_ms(buckets_by(sums_by(buckets)).get((), {}), 0.95),
    )


def _share(calls: int, failures: int) -> float | None:
    return 1 - failures / calls if calls else None
