"""What pages over many versions say of each: read from the roll-ups by version alone."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from django.db.models import F, Sum

from apim.usage.models import VersionRollup
from apim.usage.reports import Span
from apim.usage.version_rollups import TimedQuerySet

_TOTALS = {
    "sum": Sum("calls"),
    "client": Sum(F("rejected") + F("refused")),
    "server": Sum(F("failed") + F("unreached")),
}


class VersionTotals(NamedTuple):
    """Sums of a version, or of all: all calls, those that ended in 4xx, and in 5xx."""

    calls: int
    refused: int
    errors: int


def totals_by_version(version_ids: Collection[str], span: Span) -> dict[str, VersionTotals]:
    """Totals of many versions at once, those without calls included."""
    found = {version_id: VersionTotals(0, 0, 0) for version_id in version_ids}
    for version_id, *sums in _version_rows(version_ids, span).values_list("version_id").annotate(**_TOTALS):
        found[version_id] = VersionTotals(*sums)
    return found


def totals_of_everything(span: Span) -> VersionTotals:
    """The totals of all calls, those that met no version included."""
    sums = _version_rows([VersionRollup.EVERY], span).aggregate(**_TOTALS)
    return VersionTotals(sums["sum"] or 0, sums["client"] or 0, sums["server"] or 0)


def has_calls(version_ids: Collection[str], span: Span) -> bool:
    """Whether anybody called one of the versions."""
    return _version_rows(version_ids, span).filter(calls__gt=0).exists()


def calls_by_version(version_ids: Collection[str], span: Span) -> dict[str, list[int]]:
    """The calls of each step for many versions at once: what sparklines draw."""
    starts = {start: index for index, start in enumerate(span.starts())}
    lines = {version_id: [0] * len(starts) for version_id in version_ids}
    rows = _version_rows(version_ids, span).values_list("version_id", "at")
    for version_id, at, calls in rows.annotate(Sum("calls")):
        lines[version_id][starts[at]] += calls
    return lines


def _version_rows(version_ids: Collection[str], span: Span) -> TimedQuerySet:
    rows = VersionRollup.objects.between(span.period, span.starts()[0], span.until)
    return rows.filter(version_id__in=list(version_ids))
