"""Reading: the answers to questions, each by one query or two whatever their number of rows.

Owns: which roll-ups can answer with the fewest rows; they all say the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, Max, Min, Q, QuerySet

from apim.analytics.expressions import StepOf, Total
from apim.analytics.figures import ENDS, Ends, Group, Spread, Step
from apim.analytics.questions import Question
from apim.analytics.windows import Stretch, Window
from apim.usage.models import CallerRollup, LatencyRollup, UsageRollup, VersionLatency, VersionRollup
from apim.usage.summaries import that_ended

_ERRORS = Q(status__gte=400)
_ERROR_ENDS = ("rejected", "failed", "refused", "unreached")
_STEP = "step"  # of a window, by StepOf
_LIKELY = 12  # versions that are looked into first for the largest errors
ERROR = ("version_id", "operation", "status", "code")


class ErrorGroup(NamedTuple):
    """What errors are grouped by. Shapes: code "" is the service's own answer."""

    version_id: str
    operation: str
    status: int
    code: str


def totals(question: Question, stretch: Stretch) -> Ends:
    """All calls of a stretch."""
    return _by(question, stretch, ())[()]


def steps(question: Question, window: Window) -> list[Step]:
    """The calls of each step, those without calls included."""
    sums = _by(question, window.now(), (_STEP,), window=window)
    return [Step(at, sums.get((place,), Ends())) for place, at in enumerate(window.starts())]


def by_version(question: Question, stretch: Stretch) -> dict[str, Ends]:
    """The calls of each version; "" are those that met none."""
    return {key: ends for (key,), ends in _by(question, stretch, ("version_id",)).items()}


def by(question: Question, stretch: Stretch, dimension: str) -> dict[str, Ends]:
    """The calls by a dimension of UsageRollup: operation, application_id, subscription_id, code."""
    return {key: ends for (key,), ends in _by(question, stretch, (dimension,)).items()}


def caller_and_version_rows(question: Question, stretch: Stretch) -> QuerySet[Any]:
    """The calls of each application to each version, not read yet. Shapes: application_id, version_id, ENDS."""
    names, when = ("application_id", "version_id"), _when(stretch, None)
    if question.is_of_callers:
        rows: Any = CallerRollup.objects.filter(when, question.of_callers())
        sums = {end: Total(end) for end in ENDS}
    else:
        rows, sums = UsageRollup.objects.filter(when, question.condition()), _counted()
    found: QuerySet[Any] = rows.values_list(*names).annotate(**sums)
    return found


def version_rows(question: Question, stretch: Stretch, which: Collection[str] = ENDS) -> QuerySet[Any]:
    """The calls of each version, not read yet. Shapes: version_id ("" are those that met none), which of ENDS."""
    rows: Any = VersionRollup.objects.filter(_when(stretch, None), question.of_versions())
    told = rows if question.version_ids is not None else rows.exclude(version_id=VersionRollup.EVERY)
    found: QuerySet[Any] = told.values_list("version_id").annotate(**{end: Total(end) for end in which})
    return found


def caller_rows(question: Question, now: Stretch, before: Stretch) -> QuerySet[Any]:
    """The calls of each application in a stretch, and their number in an earlier one, not read yet; one look at both.

    Shapes: application_id ("" are those of none), ENDS, before.
    """
    if question.is_of_callers:
        sums = {end: Total(end, filter=_is_now(now), default=0) for end in ENDS}
    else:
        sums = {end: Total("calls", filter=_is_now(now) & that_ended(end), default=0) for end in ENDS}
    rows, earlier = _caller_rows(question, now, before)
    found: QuerySet[Any] = rows.values_list("application_id").annotate(**sums, before=earlier)
    return found


def caller_calls(question: Question, now: Stretch, before: Stretch) -> QuerySet[Any]:
    """The same without how they ended, which costs half. Shapes: application_id ("" for none), calls, before."""
    rows, earlier = _caller_rows(question, now, before)
    called = Q() if question.is_of_callers else ~that_ended("lost")
    sums = Total("calls", filter=_is_now(now) & called, default=0)
    found: QuerySet[Any] = rows.values_list("application_id").annotate(sum=sums, before=earlier)
    return found


def _caller_rows(question: Question, now: Stretch, before: Stretch) -> tuple[Any, Total]:
    """The roll-ups of both stretches, and the number of calls in the earlier one."""
    met = now.coarse().condition() | before.coarse().condition()
    if question.is_of_callers:
        return CallerRollup.objects.filter(met, question.of_callers()), Total("calls", filter=~_is_now(now), default=0)
    earlier = ~_is_now(now) & ~that_ended("lost")
    return UsageRollup.objects.filter(met, question.condition()), Total("calls", filter=earlier, default=0)


def _is_now(now: Stretch) -> Q:
    return Q(at__gte=min(part.since for part in now.coarse().parts))


def compared(now: Mapping[str, Ends], before: Mapping[str, Ends]) -> list[Group]:
    """Groups of two stretches beside one another, the one with the most calls first."""
    none = Ends()
    groups = [Group(key, now.get(key, none), before.get(key, none)) for key in now.keys() | before.keys()]
    return sorted(groups, key=lambda group: (-group.ends.calls, group.key))


def grouped(sums: Mapping[str, Ends], owners: Mapping[str, str]) -> dict[str, Ends]:
    """Sums of versions as those of what owns them, such as their APIs; "" for what has no owner."""
    found: dict[str, Ends] = {}
    for key, ends in sums.items():
        owner = owners.get(key, "")
        found[owner] = found[owner] + ends if owner in found else ends  # most own one
    return found


def spread(question: Question, stretch: Stretch) -> Spread:
    """How long the calls of a stretch took."""
    return Spread(_buckets(question, stretch, ()).get((), {}))


def spreads(question: Question, window: Window) -> list[Spread]:
    """How long the calls of each step took."""
    sums = _buckets(question, window.now(), (_STEP,), window)
    return [Spread(sums.get((place,), {})) for place in range(len(window.starts()))]


def spreads_by(question: Question, stretch: Stretch, dimension: str) -> dict[str, Spread]:
    """How long calls took by a dimension of LatencyRollup: operation, application_id."""
    rows = LatencyRollup.objects.filter(stretch.coarse().condition(), question.of_latencies())
    found: defaultdict[str, dict[int, int]] = defaultdict(dict)
    for key, bucket, calls in rows.values_list(dimension, "bucket").annotate(sum=Total("calls")):
        found[key][bucket] = calls
    return {key: Spread(buckets) for key, buckets in found.items()}


def top_errors(question: Question, stretch: Stretch, number: int) -> dict[ErrorGroup, int]:
    """The groups of calls that ended with 400 and above, the largest first; so many at most.

    No group is larger than what its version has of its end: so the versions with the most errors are looked into, and
    then all others that may hold a group as large as the smallest one found.
    """
    if question.version_ids is not None and len(question.version_ids) <= _LIKELY:
        return dict(_largest_errors(question, stretch, number))
    of_versions = version_rows(Question(question.version_ids, question.environment_id), stretch, _ERROR_ENDS)
    most = {version: max(ends) for version, *ends in of_versions}
    order = sorted((version for version in most if most[version]), key=lambda version: -most[version])
    found = _largest_errors(question.of(version_ids=order[:_LIKELY]), stretch, number)
    smallest = found[-1][1] if len(found) == number else 1
    rest = [version for version in order[_LIKELY:] if most[version] >= smallest]
    if rest:
        found += _largest_errors(question.of(version_ids=rest), stretch, number)
        found.sort(key=lambda row: (-row[1], row[0]))
    return dict(found[:number])


def error_totals(question: Question, stretch: Stretch, groups: Collection[ErrorGroup]) -> dict[ErrorGroup, int]:
    """The calls of some groups of errors; those without calls are left out."""
    rows = UsageRollup.objects.filter(stretch.coarse().condition(), question.condition(), _among(groups))
    sums = {ErrorGroup(*key): calls for *key, calls in rows.values_list(*ERROR).annotate(sum=Total("calls"))}
    return {group: sums[group] for group in groups if group in sums}


def error_steps(question: Question, window: Window, groups: Collection[ErrorGroup]) -> dict[ErrorGroup, list[int]]:
    """The calls of each step for some groups of errors."""
    lines = {group: [0] * len(window.starts()) for group in groups}
    rows = UsageRollup.objects.filter(window.now().condition(), question.condition(), _among(groups))
    stepped = rows.annotate(step=StepOf(window)).values_list(*ERROR, _STEP)
    for *key, step, calls in stepped.annotate(sum=Total("calls")):
        line = lines.get(ErrorGroup(*key))
        if line is not None:
            line[step] = calls
    return lines


def error_callers(question: Question, stretch: Stretch, groups: Collection[ErrorGroup]) -> dict[ErrorGroup, int]:
    """How many applications met some groups of errors."""
    rows = UsageRollup.objects.filter(stretch.coarse().condition(), question.condition(), _among(groups))
    counts = rows.exclude(application_id="").values_list(*ERROR).annotate(Count("application_id", distinct=True))
    return {ErrorGroup(*key): callers for *key, callers in counts}


def first_seen(question: Question) -> datetime | None:
    """The hour in which the first of such errors came, as far back as hours are kept; None for none."""
    hours = UsageRollup.objects.filter(question.condition(), _ERRORS, period="hour")
    found: datetime | None = hours.aggregate(first=Min("at"))["first"]
    return found


def last_calls(question: Question, since: datetime) -> dict[str, datetime]:
    """The day of each application's last call since then."""
    if question.is_of_callers:
        rows: QuerySet[Any] = CallerRollup.objects.filter(question.of_callers())
    else:
        rows = UsageRollup.objects.filter(question.condition())
    days = rows.filter(period="day", at__gte=since).exclude(application_id="")
    return dict(days.values_list("application_id").annotate(Max("at")))


def has_called(application_id: str, version_ids: Collection[str]) -> bool:
    """Whether the application called one of the versions, as far back as days are kept."""
    days = UsageRollup.objects.filter(period="day", application_id=application_id, version_id__in=list(version_ids))
    return days.exists()


def _largest_errors(question: Question, stretch: Stretch, number: int) -> list[tuple[ErrorGroup, int]]:
    rows = UsageRollup.objects.filter(stretch.coarse().condition(), question.condition(), _ERRORS)
    sums = rows.values_list(*ERROR).annotate(sum=Total("calls")).order_by("-sum", *ERROR)[:number]
    return [(ErrorGroup(*key), calls) for *key, calls in sums]


def _among(groups: Collection[ErrorGroup]) -> Q:
    """Rows of some groups of errors, and a few more: a condition that does not grow with each pairing."""
    names = {name: {getattr(group, name) for group in groups} for name in ERROR}
    return _ERRORS & Q(**{f"{name}__in": values for name, values in names.items()})


def _by(
    question: Question,
    stretch: Stretch,
    names: tuple[str, ...],
    *,
    window: Window | None = None,
    only: Q | None = None,
) -> dict[Any, Ends]:
    """The calls by dimensions, of the roll-ups with the fewest rows that have these and those asked for.

    Shapes: window is the one of whose steps _STEP is a number; only is a condition on the dimensions.
    """
    when = _when(stretch, window)
    if question.is_of_versions and {_STEP, "version_id"}.issuperset(names):
        rows: QuerySet[Any] = VersionRollup.objects.filter(when, question.of_versions())
        if question.version_ids is None:
            every = Q(version_id=VersionRollup.EVERY)
            rows = rows.filter(~every if "version_id" in names else every)
        return _sums(_stepped(rows, window), names, {end: Total(end) for end in ENDS})
    if question.is_of_callers and {_STEP, "version_id", "application_id"}.issuperset(names):
        rows = CallerRollup.objects.filter(when, question.of_callers(), only or Q())
        return _sums(_stepped(rows, window), names, {end: Total(end) for end in ENDS})
    rows = UsageRollup.objects.filter(when, question.condition(), only or Q())
    return _sums(_stepped(rows, window), names, _counted())


def _counted() -> dict[str, Total]:
    """The calls by who ended them how, of roll-ups that hold one end each."""
    return {end: Total("calls", filter=that_ended(end), default=0) for end in ENDS}


def _when(stretch: Stretch, window: Window | None) -> Q:
    """The time: by as few roll-ups as tell it, unless its steps are told apart."""
    return (stretch.coarse() if window is None else stretch).condition()


def _stepped(rows: QuerySet[Any], window: Window | None) -> QuerySet[Any]:
    return rows if window is None else rows.annotate(step=StepOf(window))


def _sums(rows: QuerySet[Any], names: Sequence[str], sums: Mapping[str, Total]) -> dict[Any, Ends]:
    if not names:
        told = rows.aggregate(**sums)
        return {(): Ends(*(told[end] or 0 for end in ENDS))}
    found = rows.values_list(*names).annotate(**sums)
    return {row[: len(names)]: Ends._make(row[len(names) :]) for row in found}


def _buckets(
    question: Question, stretch: Stretch, names: tuple[str, ...], window: Window | None = None
) -> dict[tuple[Any, ...], dict[int, int]]:
    """Calls by bucket, by further dimensions; from as few rows as can tell."""
    when = _when(stretch, window)
    if question.is_of_versions:
        every = Q() if question.version_ids is not None else Q(version_id=VersionLatency.EVERY)
        rows: QuerySet[Any] = VersionLatency.objects.filter(when, question.of_versions(), every)
    else:
        rows = LatencyRollup.objects.filter(when, question.of_latencies())
    found: defaultdict[tuple[Any, ...], dict[int, int]] = defaultdict(dict)
    for *key, bucket, calls in _stepped(rows, window).values_list(*names, "bucket").annotate(sum=Total("calls")):
        found[tuple(key)][bucket] = calls
    return dict(found)
