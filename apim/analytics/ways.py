"""Who calls, and which application calls which version: the largest told and all others summed, in the database.

Over a week there are tens of thousands of them: to bring each here costs more than to find the largest where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connection

from apim.analytics.figures import CALLS, ENDS, Ends
from apim.analytics.questions import Question
from apim.analytics.reading import caller_and_version_rows, caller_rows
from apim.analytics.windows import Stretch

_ENDS: Final = ", ".join(ENDS)
_SUMS: Final = ", ".join(f"CAST(SUM({end}) AS bigint)" for end in ENDS)
_CALLS: Final = " + ".join(CALLS)
_ZEROS: Final = ", ".join("0" for _ in ENDS)
# A caller or a version that is not among the largest of its side is told as NULL.
_LARGEST: Final = f"""
WITH ways (application_id, version_id, {_ENDS}) AS MATERIALIZED (%s),
called AS MATERIALIZED (SELECT ways.*, {_CALLS} AS calls FROM ways WHERE {_CALLS} > 0),
callers AS (SELECT application_id FROM called GROUP BY 1 ORDER BY SUM(calls) DESC, 1 LIMIT %%s),
versions AS (SELECT version_id FROM called GROUP BY 1 ORDER BY SUM(calls) DESC, 1 LIMIT %%s),
listed AS (SELECT * FROM called ORDER BY calls DESC, application_id, version_id LIMIT %%s)
SELECT 'way', application_id, version_id, calls, {_ENDS} FROM listed
UNION ALL
SELECT 'gathered', callers.application_id, versions.version_id, 0, {_SUMS} FROM called
LEFT JOIN callers ON callers.application_id = called.application_id
LEFT JOIN versions ON versions.version_id = called.version_id
GROUP BY callers.application_id, versions.version_id
UNION ALL
SELECT 'number', NULL, NULL, COUNT(*), {_ZEROS} FROM called
UNION ALL
SELECT 'whole', NULL, NULL, 0, {_SUMS} FROM ways
"""  # noqa: S608 - of names alone
_CALLERS: Final = f"""
WITH callers (application_id, {_ENDS}, before) AS MATERIALIZED (%s),
called AS MATERIALIZED (SELECT callers.*, {_CALLS} AS calls FROM callers),
listed AS (SELECT * FROM called WHERE calls > 0 OR before > 0 ORDER BY calls DESC, application_id LIMIT %%s)
SELECT application_id, {_ENDS}, before, calls FROM listed
UNION ALL
SELECT NULL, {_ZEROS}, COALESCE(SUM(CASE WHEN before = 0 THEN 1 ELSE 0 END), 0), COUNT(*) FROM called
WHERE calls > 0 AND application_id <> ''
"""  # noqa: S608 - of names alone


@dataclass(frozen=True, slots=True)
class Callers:
    """The applications with the most calls, and how many there are.

    Shapes: listed = (application or "" for none, its calls, how many it made before), the one with the most first;
    number = applications that called; fresh = those of them that did not call before.
    """

    listed: list[tuple[str, Ends, int]]
    number: int
    fresh: int


@dataclass(frozen=True, slots=True)
class Ways:
    """The largest ways, and all of them gathered.

    Shapes: listed by (application, version), the one with the most calls first; gathered the same for the largest of
    each side, None = all others; number = ways with calls; whole = all calls.
    """

    listed: dict[tuple[str, str], Ends]
    gathered: dict[tuple[str | None, str | None], Ends]
    number: int
    whole: Ends


def largest_callers(question: Question, now: Stretch, before: Stretch, *, listed: int) -> Callers:
    """Who called in a stretch, beside another one. One query, whose answer does not grow with the number of callers."""
    try:
        rows, params = caller_rows(question, now, before).query.sql_with_params()
    except EmptyResultSet:  # of no version at all
        return Callers([], 0, 0)
    with connection.cursor() as cursor:
        cursor.execute(_CALLERS % rows, (*params, listed))
        found = [(key, Ends(*ends), earlier, calls) for key, *ends, earlier, calls in cursor.fetchall()]
    (counts,) = [row for row in found if row[0] is None]
    told = sorted((row for row in found if row[0] is not None), key=lambda row: (-row[3], row[0]))
    return Callers([(key, ends, earlier) for key, ends, earlier, _ in told], int(counts[3]), int(counts[2]))


def largest_ways(question: Question, stretch: Stretch, *, listed: int, each_side: int) -> Ways:
    """The ways of a stretch. One query, whose answer does not grow with the number of ways."""
    try:
        rows, params = caller_and_version_rows(question, stretch).query.sql_with_params()
    except EmptyResultSet:  # of no version at all
        return Ways({}, {}, 0, Ends())
    found: dict[str, dict[Any, Ends]] = {"way": {}, "gathered": {}}
    number, whole = 0, Ends()
    with connection.cursor() as cursor:
        cursor.execute(_LARGEST % rows, (*params, each_side, each_side, listed))
        for what, application, version, calls, *sums in cursor.fetchall():
            ends = Ends(*(each or 0 for each in sums))
            if what == "number":
                number = calls
            elif what == "whole":
                whole = ends
            else:
                found[what][application, version] = ends
    ways = sorted(found["way"].items(), key=lambda way: (-way[1].calls, way[0]))
    return Ways(dict(ways), found["gathered"], number, whole)
