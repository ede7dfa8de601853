"""Who calls, and which application calls which version: the largest told, and all others summed.

Over a week there are tens of thousands of them. Of all calls the largest are looked for among the busiest applications,
and what all others called is what these leave of the whole. Of a part of the calls, and where so many call alike that
the busiest are no few, the database adds all of them up and tells the largest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from apim.analytics.busiest import Likely, busiest, likely, months_tell
from apim.analytics.figures import CALLS, ENDS, Ends
from apim.analytics.questions import Question
from apim.analytics.reading import caller_and_version_rows, caller_calls, caller_rows, version_rows
from apim.analytics.statements import Clause, fetch
from apim.analytics.windows import Stretch

_Key = TypeVar("_Key", str, tuple[str, str])
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
SELECT 'whole', NULL, NULL, 0, {_SUMS} FROM ways
"""  # noqa: S608 - of names alone
_CALLERS: Final = """
WITH called (application_id, calls, before) AS MATERIALIZED (%s),
listed AS (SELECT * FROM called WHERE calls > 0 OR before > 0 ORDER BY calls DESC, application_id LIMIT %%s)
SELECT application_id, calls, before FROM listed
UNION ALL
SELECT NULL, COUNT(*), COALESCE(SUM(CASE WHEN before = 0 THEN 1 ELSE 0 END), 0) FROM called
WHERE calls > 0 AND application_id <> ''
"""


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
    each side, None = all others; whole = all calls.
    """

    listed: dict[tuple[str, str], Ends]
    gathered: dict[tuple[str | None, str | None], Ends]
    whole: Ends


def largest_callers(question: Question, now: Stretch, before: Stretch, *, listed: int) -> Callers:
    """Who called in a stretch, beside another one. At most five queries, whose answers do not grow with the callers."""
    if months_tell(question, now):
        found = busiest(question, now, before)
        told = _busiest_callers(question, (now, before), found.likely, listed)
        if told is not None:
            return Callers(told, found.number, found.fresh)
    rows = caller_calls(question, now, before)
    called = fetch(Clause(_CALLERS % rows.sql, (*rows.params, listed)))
    (counts,) = [row for row in called if row[0] is None]
    applications = [key for key, _, _ in called if key is not None]
    return Callers(_callers_among(question, now, before, applications)[:listed], int(counts[1]), int(counts[2]))


def largest_ways(question: Question, stretch: Stretch, *, listed: int, each_side: int) -> Ways:
    """The ways of a stretch. At most five queries, whose answers do not grow with the number of ways."""
    if question.is_of_applications:
        told = _busiest_ways(question, stretch, listed, each_side)
        if told is not None:
            return told
    rows = caller_and_version_rows(question, stretch)
    found: dict[str, dict[Any, Ends]] = {"way": {}, "gathered": {}}
    whole = Ends()
    largest = Clause(_LARGEST % rows.sql, (*rows.params, each_side, each_side, listed))
    for what, application, version, _, *sums in fetch(largest):
        ends = Ends(*(each or 0 for each in sums))
        if what == "whole":
            whole = ends
        else:
            found[what][application, version] = ends
    return Ways(_first(found["way"], listed), found["gathered"], whole)


def _busiest_callers(
    question: Question, stretches: tuple[Stretch, Stretch], chosen: Likely | None, listed: int
) -> list[tuple[str, Ends, int]] | None:
    """The applications with the most calls; None where they are no few, or fewer called than are listed.

    Shapes: stretches are now and before.
    """
    while chosen is not None:
        told = _callers_among(question, *stretches, chosen.ids)[:listed]
        smallest = told[-1][1].calls if len(told) == listed else 0
        if not smallest:
            return None
        if chosen.beyond is None or chosen.beyond < smallest:
            return told
        chosen = likely(question, stretches[0], at_least=smallest)
    return None


def _callers_among(
    question: Question, now: Stretch, before: Stretch, applications: Collection[str]
) -> list[tuple[str, Ends, int]]:
    """Of these applications: each, its calls, how many it made before; the one with the most first."""
    if not applications:
        return []
    rows = fetch(caller_rows(question, now, before, applications))
    told = [(key, Ends(*ends), earlier) for key, *ends, earlier in rows]
    return sorted(told, key=lambda row: (-row[1].calls, row[0]))


def _busiest_ways(question: Question, stretch: Stretch, listed: int, each_side: int) -> Ways | None:
    """The ways of the applications with the most calls, beside all; None where these are no few."""
    chosen = likely(question, stretch)
    while chosen is not None:
        ways, versions = _ways_among(question, stretch, chosen.ids)
        callers: defaultdict[str, Ends] = defaultdict(Ends)
        for (application, _), ends in ways.items():
            callers[application] += ends
        first, largest = _first(ways, listed), _first(callers, each_side)
        smallest = min(_smallest(first, listed), _smallest(largest, each_side))
        if chosen.beyond is None or chosen.beyond < smallest:
            gathered, whole = _gathered(ways, largest, versions, _first(versions, each_side))
            return Ways(first, gathered, whole)
        chosen = likely(question, stretch, at_least=smallest)
    return None


def _ways_among(
    question: Question, stretch: Stretch, applications: Collection[str]
) -> tuple[dict[tuple[str, str], Ends], dict[str, Ends]]:
    """The ways of these applications, and the calls of every version: of one moment, so that the rest is no less."""
    of_versions = version_rows(question, stretch)
    told = f"SELECT NULL, versions.* FROM ({of_versions.sql}) versions"  # noqa: S608 - of names alone
    ways = caller_and_version_rows(question, stretch, applications)
    both = Clause(f"{ways.sql} UNION ALL {told}", (*ways.params, *of_versions.params))
    rows = [(application, version, Ends(*ends)) for application, version, *ends in fetch(both)]
    return (
        {(application, version): ends for application, version, ends in rows if application is not None and ends.calls},
        {version: ends for application, version, ends in rows if application is None},
    )


def _gathered(
    ways: Mapping[tuple[str, str], Ends],
    callers: Mapping[str, Ends],
    versions: Mapping[str, Ends],
    called: Mapping[str, Ends],
) -> tuple[dict[tuple[str | None, str | None], Ends], Ends]:
    """What the largest callers called of the largest versions, what is left of each and of all; and all."""
    whole = sum(versions.values(), Ends())
    of_versions, of_callers, rest = dict(called), dict(callers), whole
    gathered: dict[tuple[str | None, str | None], Ends] = {}
    for (application, version), ends in ways.items():
        if application in callers and version in called:
            gathered[application, version] = ends
            of_callers[application] -= ends
            of_versions[version] -= ends
            rest -= ends
    for application, ends in of_callers.items():
        gathered[application, None] = ends
        rest -= ends
    for version, ends in of_versions.items():
        gathered[None, version] = ends
        rest -= ends
    gathered[None, None] = rest
    return {key: ends for key, ends in gathered.items() if ends.calls}, whole


def _first(sums: Mapping[_Key, Ends], number: int) -> dict[_Key, Ends]:
    """Those with the most calls, the one with the most first."""
    called = [(key, ends) for key, ends in sums.items() if ends.calls]
    return dict(sorted(called, key=lambda item: (-item[1].calls, item[0]))[:number])


def _smallest(first: Mapping[Any, Ends], number: int) -> int:
    """The calls of the last of so many; 1 where there are fewer, for then each with a call is one of them."""
    return min(ends.calls for ends in first.values()) if len(first) == number else 1
