"""Reading: the answers to questions, each by one query or two whatever their number of rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from django.db.models import Q, Sum

from apim.analytics.figures import ENDS, Ends, Group, Spread, Step
from apim.analytics.questions import Question
from apim.analytics.windows import Stretch, Window
from apim.usage.models import LatencyRollup, UsageRollup, VersionLatency, VersionRollup
from apim.usage.summaries import end_of

_ERRORS = Q(status__gte=400)


def totals(question: Question, stretch: Stretch) -> Ends:
    """All calls of a stretch."""
    return _by(question, stretch, ())[()]


def steps(question: Question, window: Window) -> list[Step]:
    """The calls of each step, those without calls included."""
    sums = [Ends() for _ in window.starts()]
    for (at,), ends in _by(question, window.now(), ("at",)).items():
        place = window.place_of(at)
        sums[place] += ends
    return [Step(at, ends) for at, ends in zip(window.starts(), sums, strict=True)]


def by_version(question: Question, stretch: Stretch) -> dict[str, Ends]:
    """The calls of each version; "" are those that met none."""
    return {key: ends for (key,), ends in _by(question, stretch, ("version_id",)).items()}


def by(question: Question, stretch: Stretch, dimension: str) -> dict[str, Ends]:
    """The calls by a dimension of UsageRollup: operation, application_id, subscription_id, code."""
    return {key: ends for (key,), ends in _detailed(question, stretch, (dimension,)).items()}


def by_both(question: Question, stretch: Stretch, first: str, second: str) -> dict[tuple[str, str], Ends]:
    """The calls by two dimensions of UsageRollup."""
    return {(key[0], key[1]): ends for key, ends in _detailed(question, stretch, (first, second)).items()}


def compared(now: Mapping[str, Ends], before: Mapping[str, Ends]) -> list[Group]:
    """Groups of two stretches beside one another, the one with the most calls first."""
    groups = [Group(key, now.get(key, Ends()), before.get(key, Ends())) for key in now.keys() | before.keys()]
    return sorted(groups, key=lambda group: (-group.ends.calls, group.key))


def grouped(sums: Mapping[str, Ends], owners: Mapping[str, str]) -> dict[str, Ends]:
    """Sums of versions as those of what owns them, such as their APIs; "" for what has no owner."""
    found: defaultdict[str, Ends] = defaultdict(Ends)
    for key, ends in sums.items():
        found[owners.get(key, "")] += ends
    return dict(found)


def spread(question: Question, stretch: Stretch) -> Spread:
    """How long the calls of a stretch took."""
    return Spread(_buckets(question, stretch, ()).get((), {}))


def spreads(question: Question, window: Window) -> list[Spread]:
    """How long the calls of each step took."""
    sums: list[Counter[int]] = [Counter() for _ in window.starts()]
    for (at,), buckets in _buckets(question, window.now(), ("at",)).items():
        sums[window.place_of(at)].update(buckets)
    return [Spread(dict(buckets)) for buckets in sums]


def errors(question: Question, stretch: Stretch) -> dict[tuple[str, str, int, str], int]:
    """Calls that ended with 400 and above by version, operation, status and code."""
    rows = UsageRollup.objects.filter(stretch.condition(), question.condition(), _ERRORS)
    sums = rows.values_list("version_id", "operation", "status", "code").annotate(Sum("calls"))
    return {(version, operation, status, code): calls for version, operation, status, code, calls in sums}


def _by(question: Question, stretch: Stretch, names: tuple[str, ...]) -> dict[tuple[Any, ...], Ends]:
    """The calls by dimensions that roll-ups by version have; by those, where they can answer."""
    if not question.is_of_versions:
        return _detailed(question, stretch, names)
    rows = VersionRollup.objects.filter(stretch.condition(), question.of_versions())
    if not names:
        sums = rows.aggregate(**{end: Sum(end) for end in ENDS})
        return {(): Ends(*(sums[end] or 0 for end in ENDS))}
    found = rows.values_list(*names).annotate(*(Sum(end) for end in ENDS))
    return {tuple(row[: len(names)]): Ends(*row[len(names) :]) for row in found}


def _detailed(question: Question, stretch: Stretch, names: Collection[str]) -> dict[tuple[Any, ...], Ends]:
    rows = UsageRollup.objects.filter(stretch.condition(), question.condition())
    sums: dict[tuple[Any, ...], Counter[str]] = {} if names else {(): Counter()}
    for *key, status, code, calls in rows.values_list(*names, "status", "code").annotate(Sum("calls")):
        sums.setdefault(tuple(key), Counter())[end_of(status, code)] += calls
    return {key: Ends(**counts) for key, counts in sums.items()}


def _buckets(question: Question, stretch: Stretch, names: tuple[str, ...]) -> dict[tuple[Any, ...], dict[int, int]]:
    """Calls by bucket, by further dimensions; from as few rows as can tell."""
    rows: Iterable[tuple[Any, ...]]
    if question.is_of_versions:
        every = Q() if question.version_ids is not None else Q(version_id=VersionLatency.EVERY)
        kept = VersionLatency.objects.filter(stretch.condition(), question.of_versions(), every)
        rows = kept.values_list(*names, "bucket").annotate(Sum("calls"))
    else:
        detailed = LatencyRollup.objects.filter(stretch.condition(), question.of_latencies())
        rows = detailed.values_list(*names, "bucket").annotate(Sum("calls"))
    found: defaultdict[tuple[Any, ...], dict[int, int]] = defaultdict(dict)
    for *key, bucket, calls in rows:
        found[tuple(key)][bucket] = calls
    return dict(found)
