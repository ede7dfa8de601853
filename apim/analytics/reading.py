"""Reading: the answers to questions, each by one query or two whatever their number of rows.

Owns: which roll-ups can answer with the fewest rows; they all say the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Max, QuerySet

from apim.analytics.figures import ENDS, Ends, Group, Spread, Step
from apim.analytics.plans import calls_of, rows_of
from apim.analytics.questions import Question, condition
from apim.analytics.statements import Clause, adapted, either, fetch, meeting, step_of, summed, total, within
from apim.analytics.windows import Stretch, Window
from apim.usage.bands import SUMS, buckets_by
from apim.usage.models import CallerRollup, UsageRollup, VersionRollup
from apim.usage.summaries import that_ended

_VERSIONS, _CALLERS = "usage_versionrollup", "usage_callerrollup"
_LATENCIES, _VERSION_LATENCIES = "usage_latencyrollup", "usage_versionlatency"
_NOT_LOST = Clause(f"NOT ({that_ended('lost')})")
_ENDED = [total(end) for end in ENDS]
_COUNTED = [total("calls", Clause(that_ended(end))) for end in ENDS]  # of roll-ups that hold one end each
_OF_BAND = [total(each) for each in SUMS]
_STEP = "step"  # of a window, by step_of
_OF_VERSIONS = frozenset({_STEP, "version_id", "environment_id"})  # what roll-ups by version tell apart
_OF_CALLERS = _OF_VERSIONS | {"application_id"}
_EVERY = VersionRollup.EVERY  # VersionLatency has the same


def totals(question: Question, stretch: Stretch) -> Ends:
    """All calls of a stretch."""
    ((*sums,),) = _rows_by(question, stretch, ())
    return Ends(*(each or 0 for each in sums))


def steps(question: Question, window: Window) -> list[Step]:
    """The calls of each step, those without calls included."""
    sums = {place: Ends(*ends) for place, *ends in _rows_by(question, window.now(), (_STEP,), window=window)}
    return [Step(at, sums.get(place, Ends())) for place, at in enumerate(window.starts())]


def by_version(question: Question, stretch: Stretch) -> dict[str, Ends]:
    """The calls of each version; "" are those that met none."""
    return {key: Ends(*ends) for key, *ends in _rows_by(question, stretch, ("version_id",))}


def by_version_and_environment(question: Question, stretch: Stretch) -> dict[tuple[str, str], Ends]:
    """The calls of each version in each environment."""
    rows = _rows_by(question, stretch, ("version_id", "environment_id"))
    return {(version, environment): Ends(*ends) for version, environment, *ends in rows}


def by(question: Question, stretch: Stretch, dimension: str) -> dict[str, Ends]:
    """The calls by a dimension of UsageRollup: operation, application_id, subscription_id, code."""
    return {key: Ends(*ends) for key, *ends in _rows_by(question, stretch, (dimension,))}


def caller_and_version_rows(
    question: Question, stretch: Stretch, applications: Collection[str] | None = None
) -> Clause:
    """The calls of each application to each version, not read yet. Shapes: application_id, version_id, ENDS."""
    names, where = ("application_id", "version_id"), [within(stretch.coarse()), *_among_callers(applications)]
    if question.is_of_callers:
        return summed(_CALLERS, names, _ENDED, meeting(question.of_callers()), *where)
    return summed(calls_of(question), names, _COUNTED, meeting(question.of_calls()), *where)


def version_rows(question: Question, stretch: Stretch, which: Collection[str] = ENDS) -> Clause:
    """The calls of each version, not read yet. Shapes: version_id ("" are those that met none), which of ENDS."""
    where = (within(stretch.coarse()), _of_versions(question, is_each=True))
    return summed(_VERSIONS, ("version_id",), [total(end) for end in which], *where)


def caller_rows(question: Question, now: Stretch, before: Stretch, applications: Collection[str]) -> Clause:
    """The calls of these applications in a stretch, and their number in an earlier one, not read yet; one look at both.

    Shapes: application_id ("" are those of none), ENDS, before.
    """
    since = since_of(now)
    if question.is_of_callers:
        sums = [total(end, since) for end in ENDS]
    else:
        sums = [total("calls", since, Clause(that_ended(end))) for end in ENDS]
    return _caller_rows(question, (now, before), sums, _among_callers(applications))


def caller_calls(question: Question, now: Stretch, before: Stretch) -> Clause:
    """The same of all without how they ended, which costs half. Shapes: application_id ("" for none), calls, before."""
    called = () if question.is_of_callers else (_NOT_LOST,)
    return _caller_rows(question, (now, before), [total("calls", since_of(now), *called)])


def _caller_rows(
    question: Question, both: tuple[Stretch, Stretch], sums: Sequence[Clause], where: Sequence[Clause] = ()
) -> Clause:
    """The sums of both stretches, and the number of calls in the second, which is earlier."""
    now, before = both
    met = either(within(now.coarse()), within(before.coarse()))
    since = since_of(now)
    earlier = Clause(f"NOT ({since.sql})", since.params)
    if question.is_of_callers:
        told = [*sums, total("calls", earlier)]
        return summed(_CALLERS, ("application_id",), told, met, meeting(question.of_callers()), *where)
    told = [*sums, total("calls", earlier, _NOT_LOST)]
    return summed(calls_of(question), ("application_id",), told, met, meeting(question.of_calls()), *where)


def since_of(now: Stretch) -> Clause:
    """What is of a stretch, of it and one that is earlier."""
    return Clause("at >= %s", (adapted(min(part.since for part in now.coarse().parts)),))


def _among_callers(applications: Collection[str] | None) -> list[Clause]:
    return [] if applications is None else [meeting({"application_id": applications})]


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
    where = within(stretch.coarse()), meeting(question.of_latencies())
    rows = fetch(summed(_LATENCIES, (dimension, "bucket"), _OF_BAND, *where))
    return {key: Spread(buckets) for (key,), buckets in buckets_by(rows).items()}


def last_calls(question: Question, since: datetime) -> dict[str, datetime]:
    """The day of each application's last call since then."""
    if question.is_of_callers:
        holding: list[QuerySet[Any]] = [CallerRollup.objects.filter(condition(question.of_callers()))]
    else:
        holding = rows_of(question)
    found: dict[str, datetime] = {}
    for rows in holding:
        days = rows.filter(period="day", at__gte=since).exclude(application_id="")
        for application, day in days.values_list("application_id").annotate(Max("at")):
            found[application] = max(day, found.get(application, day))
    return found


def has_called(application_id: str, version_ids: Collection[str]) -> bool:
    """Whether the application called one of the versions, as far back as days are kept."""
    days = UsageRollup.objects.filter(period="day", application_id=application_id, version_id__in=list(version_ids))
    return days.exists()


def _of_versions(question: Question, *, is_each: bool) -> Clause:
    """What is asked of roll-ups by version; of all versions the sums of each, or those of all together."""
    asked = meeting(question.of_versions())
    if question.version_ids is not None:
        return asked
    return Clause(f"{asked.sql} AND version_id {'<>' if is_each else '='} '{_EVERY}'", asked.params)


def _rows_by(
    question: Question, stretch: Stretch, names: tuple[str, ...], *, window: Window | None = None
) -> list[tuple[Any, ...]]:
    """The calls by dimensions, of the roll-ups with the fewest rows that have these and those asked for.

    Shapes: names, ENDS, which are None of nothing at all; window is the one of whose steps _STEP is a number.
    """
    when, columns = _when(stretch, window), _columns(names, window)
    if question.is_of_versions and _OF_VERSIONS.issuperset(names):
        statement = summed(_VERSIONS, columns, _ENDED, when, _of_versions(question, is_each="version_id" in names))
    elif question.is_of_callers and _OF_CALLERS.issuperset(names):
        statement = summed(_CALLERS, columns, _ENDED, when, meeting(question.of_callers()))
    else:
        statement = summed(calls_of(question), columns, _COUNTED, when, meeting(question.of_calls()))
    return fetch(statement)


def _when(stretch: Stretch, window: Window | None) -> Clause:
    """The time: by as few roll-ups as tell it, unless its steps are told apart."""
    return within(stretch.coarse() if window is None else stretch)


def _columns(names: Sequence[str], window: Window | None) -> list[str]:
    return [step_of(window) if name == _STEP and window is not None else name for name in names]


def _buckets(
    question: Question, stretch: Stretch, names: tuple[str, ...], window: Window | None = None
) -> dict[tuple[Any, ...], dict[int, int]]:
    """Calls by bucket, by further dimensions; from as few rows as can tell."""
    when, columns = _when(stretch, window), [*_columns(names, window), "bucket"]
    if question.is_of_versions:
        statement = summed(_VERSION_LATENCIES, columns, _OF_BAND, when, _of_versions(question, is_each=False))
    else:
        statement = summed(_LATENCIES, columns, _OF_BAND, when, meeting(question.of_latencies()))
    return buckets_by(fetch(statement))
