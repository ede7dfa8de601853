"""The busiest applications of thousands, found by what each called in the months around: not by adding all of them up.

No application called more in a stretch than in the months that hold it. So those with the most calls in these months
are looked into, and then all others that may have as many as the last one found. A stretch of hours alone is short
enough to add up the calls of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.utils import timezone

from apim.analytics.questions import Question
from apim.analytics.statements import Clause, adapted, fetch, meeting, summed, total, within
from apim.analytics.windows import Stretch
from apim.usage.month_sums import bit_of
from apim.usage.periods import end_of, start_of

LIKELY: Final = 200  # applications that are looked into first
MANY: Final = 2_000  # and at most; where more may be among the largest, the whole is added up
_DAY: Final = timedelta(days=1)
# Whole days are told by bits. Of the few that called on a day at an end of the stretch alone, its hours are looked up:
# by one look each, which a scalar says to the planner.
_BUSIEST: Final = """
WITH told AS MATERIALIZED (
    SELECT application_id, SUM(CASE WHEN at >= %s THEN calls ELSE 0 END) AS sum,
        MAX({now_whole}) AS now_whole, MAX({now_edge}) AS now_edge,
        MAX({before_whole}) AS before_whole, MAX({before_edge}) AS before_edge
    FROM usage_applicationmonth WHERE at IN ({months}){environment} GROUP BY application_id
)
SELECT application_id, sum, 0 FROM (
    SELECT application_id, sum FROM told ORDER BY sum DESC, application_id LIMIT %s
) busiest
UNION ALL
SELECT NULL, COUNT(*), COALESCE(SUM(
    CASE WHEN before_whole = 1 THEN 0 WHEN before_edge = 0 THEN 1 WHEN {before_look} IS NULL THEN 1 ELSE 0 END
), 0)
FROM told WHERE application_id <> '' AND
    CASE WHEN now_whole = 1 THEN 1 WHEN now_edge = 0 THEN 0 WHEN {now_look} IS NULL THEN 0 ELSE 1 END = 1
"""
_LOOK: Final = """(SELECT 1 FROM usage_usagerollup look
    WHERE look.application_id = told.application_id AND look.status <> 0{environment} AND ({parts}) LIMIT 1)"""
_PART: Final = "(look.period = %s AND look.at >= %s AND look.at < %s)"


class Likely(NamedTuple):
    """Applications with the most calls in some months. Shapes: no other one has more than beyond; None for no other."""

    ids: Sequence[str]
    beyond: int | None


class Busiest(NamedTuple):
    """Those who may have called most; how many called; how many of these did not in the stretch before."""

    likely: Likely
    number: int
    fresh: int


class _Condition(NamedTuple):
    sql: str
    params: list[Any]


def months_tell(question: Question, stretch: Stretch) -> bool:
    """Whether months can answer: of all calls, and of a stretch with whole days."""
    whole = Stretch(stretch.parts).coarse()  # without the day that is under way
    return question.is_of_applications and any(part.period == "day" for part in whole.parts)


def likely(question: Question, stretch: Stretch, *, at_least: int | None = None) -> Likely | None:
    """Those who may have called most; with at_least, all who may have as many calls. None for more than MANY."""
    number = LIKELY if at_least is None else MANY
    found = _largest(_sums(question, stretch), at_least or 0, number + 1)
    if at_least is not None and len(found) > number:
        return None
    return _likely(found, number)


def busiest(question: Question, now: Stretch, before: Stretch) -> Busiest:
    """Those who may have called most in a stretch that months can tell of, beside the one before. One query."""
    months = sorted({*_months(now), *_months(before)})
    of_environment = [] if question.environment_id is None else [question.environment_id]
    now_whole, now_edge, now_look = _called(question, now)
    before_whole, before_edge, before_look = _called(question, before)
    statement = _BUSIEST.format(
        now_whole=now_whole.sql,
        now_edge=now_edge.sql,
        before_whole=before_whole.sql,
        before_edge=before_edge.sql,
        months=", ".join(["%s"] * len(months)),
        environment=" AND environment_id = %s" if of_environment else "",
        before_look=before_look.sql,
        now_look=now_look.sql,
    )
    params = [adapted(min(_months(now))), *now_whole.params, *now_edge.params, *before_whole.params,
              *before_edge.params, *map(adapted, months), *of_environment, LIKELY + 1, *before_look.params,
              *now_look.params]  # fmt: skip
    rows = fetch(Clause(statement, tuple(params)))
    (counts,) = [row for row in rows if row[0] is None]
    found = sorted(((key, int(calls)) for key, calls, _ in rows if key is not None), key=lambda row: -row[1])
    return Busiest(_likely(found, LIKELY), int(counts[1]), int(counts[2]))


def _sums(question: Question, stretch: Stretch) -> Clause:
    """What each application called in the stretch, or in the months that hold it."""
    asked, names, sums = meeting(question.of_versions()), ("application_id",), [total("calls")]
    if not months_tell(question, stretch):
        return summed("usage_callerrollup", names, sums, asked, within(stretch.coarse()))
    months = tuple(map(adapted, _months(stretch)))
    among = Clause(f"at IN ({', '.join(['%s'] * len(months))})", months)
    return summed("usage_applicationmonth", names, sums, asked, among)


def _largest(sums: Clause, least: int, number: int) -> list[tuple[str, int]]:
    """Those with at least so many calls, the one with the most first."""
    statement = f"{sums.sql} HAVING SUM(calls) >= %s ORDER BY 2 DESC, 1 LIMIT %s"
    return [(key, calls) for key, calls in fetch(Clause(statement, (*sums.params, least, number)))]


def _likely(found: Sequence[tuple[str, int]], number: int) -> Likely:
    """Of those with the most calls, the one with the most first, so many and one more."""
    return Likely([key for key, _ in found[:number]], found[number][1] if len(found) > number else None)


def _months(stretch: Stretch) -> Iterator[datetime]:
    until = max(part.until for part in stretch.parts)
    month = start_of("month", min(part.since for part in stretch.parts))
    while month < until:
        yield month
        month = end_of("month", month)


def _called(question: Question, stretch: Stretch) -> tuple[_Condition, _Condition, _Condition]:
    """Whether an application called for sure; whether it may have at an end of the stretch; the look for that."""
    coarse = stretch.coarse()
    until = max(part.until for part in stretch.parts)
    if end_of("hour", until - timedelta(microseconds=1)) >= timezone.now():  # nothing comes after it
        since = min(part.since for part in coarse.parts)
        is_later = _Condition("CASE WHEN last_at >= %s THEN 1 ELSE 0 END", [adapted(since)])
        return is_later, _Condition("0", []), _Condition("NULL", [])
    edges = Stretch(tuple(part for part in coarse.parts if part.period != "day"))
    whole = Stretch(tuple(part for part in coarse.parts if part.period == "day"))
    if not edges.parts:
        return _on_days(whole), _Condition("0", []), _Condition("NULL", [])
    parts = " OR ".join([_PART] * len(edges.parts))
    environment = "" if question.environment_id is None else " AND look.environment_id = %s"
    params = [] if question.environment_id is None else [question.environment_id]
    for part in edges.parts:
        params += [part.period, adapted(part.since), adapted(part.until)]
    return _on_days(whole), _on_days(edges), _Condition(_LOOK.format(environment=environment, parts=parts), params)


def _on_days(stretch: Stretch) -> _Condition:
    """1 for a month with a call on a day that has a part of the stretch."""
    masks: dict[datetime, int] = {}
    for part in stretch.parts:
        day = start_of("day", part.since)
        while day < part.until:
            month = start_of("month", day)
            masks[month] = masks.get(month, 0) | bit_of(day)
            day += _DAY
    conditions = " OR ".join(["(at = %s AND (days & %s) <> 0)"] * len(masks))
    params = [each for month, mask in masks.items() for each in (adapted(month), mask)]
    return _Condition(f"CASE WHEN {conditions} THEN 1 ELSE 0 END" if masks else "0", params)
