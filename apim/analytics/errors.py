"""Errors: the largest groups of them, how each went on, whom it hit, since when.

Groups are numbered for the database, so that it sorts by numbers and compares words once a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from django.db.models import Min

from apim.analytics.plans import calls_of, rows_of
from apim.analytics.questions import Question
from apim.analytics.reading import since_of, version_rows
from apim.analytics.statements import Clause, either, fetch, meeting, step_of, summed, total, within
from apim.analytics.windows import Part, Stretch, Window
from apim.usage.periods import start_of

_ERRORS: Final = Clause("status >= 400")
_ENDS: Final = ("rejected", "failed", "refused", "unreached")
_LIKELY: Final = 12  # versions that are looked into first for the largest errors
_DIMENSIONS: Final = ("version_id", "operation", "status", "code")
# Found first, by themselves: PostgreSQL would look for each group in all errors of its version.
_DETAILS: Final = """
WITH numbered (place, of_version, of_operation, of_status, of_code) AS (VALUES {rows}),
met AS MATERIALIZED (
    SELECT at, version_id, operation, status, code, application_id, calls FROM {called} WHERE {conditions}
),
told AS MATERIALIZED (
    SELECT place, CASE WHEN {since} THEN {step} ELSE {before} END AS step, application_id, calls FROM met, numbered
    WHERE version_id = of_version AND operation = of_operation AND status = of_status AND code = of_code
)
SELECT place, step, CAST(SUM(calls) AS bigint) FROM told GROUP BY 1, 2
UNION ALL
SELECT place, {hit}, COUNT(DISTINCT application_id) FROM told WHERE step <> {before} AND application_id <> '' GROUP BY 1
"""
_BEFORE, _HIT = -1, -2  # beside the numbers of steps
_AT_ONCE: Final = 1_000  # groups in one statement: SQLite takes 32,766 values


class ErrorGroup(NamedTuple):
    """What errors are grouped by. Shapes: code "" is the service's own answer."""

    version_id: str
    operation: str
    status: int
    code: str


@dataclass(slots=True)
class Detail:
    """What else is told of a group.

    Shapes: steps = its calls in each step of a window; before = those in as long a time before; callers = the
    applications that it hit in the window.
    """

    steps: list[int]
    before: int = 0
    callers: int = 0


def top_errors(question: Question, stretch: Stretch, number: int) -> dict[ErrorGroup, int]:
    """The groups of calls that ended with 400 and above, the largest first; so many at most.

    No group is larger than what its version has of its end: so the versions with the most errors are looked into, and
    then all others that may hold a group as large as the smallest one found.
    """
    if question.version_ids is not None and len(question.version_ids) <= _LIKELY:
        return dict(_largest(question, stretch, number))
    of_versions = version_rows(Question(question.version_ids, question.environment_id), _days_of(stretch), _ENDS)
    most = {version: max(ends) for version, *ends in fetch(of_versions)}
    order = sorted((version for version in most if most[version]), key=lambda version: -most[version])
    found = _largest(question.of(version_ids=order[:_LIKELY]), stretch, number)
    smallest = found[-1][1] if len(found) == number else 1
    rest = [version for version in order[_LIKELY:] if most[version] >= smallest]
    if rest:
        found += _largest(question.of(version_ids=rest), stretch, number)
        found.sort(key=lambda row: (-row[1], row[0]))
    return dict(found[:number])


def details(question: Question, window: Window, groups: Sequence[ErrorGroup]) -> dict[ErrorGroup, Detail]:
    """How groups of the question went on, a statement for each _AT_ONCE of them.

    Shapes: question is the one that groups were found by.
    """
    number = len(window.starts())
    found = {group: Detail([0] * number) for group in groups}
    for start in range(0, len(groups), _AT_ONCE):
        some = groups[start : start + _AT_ONCE]
        for place, step, amount in fetch(_details(question, window, some)):
            detail = found[some[place]]
            if step == _BEFORE:
                detail.before = amount
            elif step == _HIT:
                detail.callers = amount
            else:
                detail.steps[step] = amount
    return found


def first_seen(question: Question) -> datetime | None:
    """The hour in which the first of such errors came, as far back as hours are kept; None for none."""
    hours = [rows.filter(period="hour", status__gte=400) for rows in rows_of(question)]
    found = [rows.aggregate(first=Min("at"))["first"] for rows in hours]
    return min((first for first in found if first is not None), default=None)


def _days_of(stretch: Stretch) -> Stretch:
    """Whole days that hold a stretch of some: with them no version has fewer errors, and there are fewer rows."""
    coarse = stretch.coarse()
    if not any(part.period == "day" for part in coarse.parts):
        return coarse
    since, until = min(part.since for part in coarse.parts), max(part.until for part in coarse.parts)
    return Stretch((Part("day", start_of("day", since), until),))


def _largest(question: Question, stretch: Stretch, number: int) -> list[tuple[ErrorGroup, int]]:
    where = within(stretch.coarse()), meeting(question.of_calls()), _ERRORS
    statement = summed(calls_of(question), _DIMENSIONS, [total("calls")], *where)
    largest = Clause(f"{statement.sql} ORDER BY 5 DESC, 1, 2, 3, 4 LIMIT %s", (*statement.params, number))
    return [(ErrorGroup(*key), calls) for *key, calls in fetch(largest)]


def _details(question: Question, window: Window, groups: Sequence[ErrorGroup]) -> Clause:
    """Sums by the number of a group and that of a step, _BEFORE or _HIT."""
    values = {name: {getattr(group, name) for group in groups} for name in _DIMENSIONS}
    if question.version_ids is not None:
        values["version_id"] &= set(question.version_ids)
    since = since_of(window.now())
    when = either(within(window.now()), within(window.before().coarse()))
    where = (when, meeting({**question.of_calls(), **values}), _ERRORS)
    called = calls_of(question)
    statement = _DETAILS.format(
        rows=", ".join(["(%s, %s, %s, %s, %s)"] * len(groups)),
        called=called.sql,
        conditions=" AND ".join(each.sql for each in where),
        since=since.sql,
        step=step_of(window),
        before=_BEFORE,
        hit=_HIT,
    )
    numbered = [value for place, group in enumerate(groups) for value in (place, *group)]
    return Clause(statement, (*numbered, *(value for each in (called, *where) for value in each.params), *since.params))
