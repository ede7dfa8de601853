"""Conservation: what was received is all that gateways counted, and sums are those of the records. Told on a page.

Owns: the looking, each hour. Each comparison of sums is one statement, so that what is taken in meanwhile is on both
sides or on neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final, TypeVar

from django.db import connection

from apim.gateways.sandbox import TWIN_PATTERN
from apim.usage.models import ConservationCheck, ReceivedBoot
from apim.usage.periods import end_of, start_of
from apim.usage.sequences import count_of, gaps_of, parse_runs
from apim.usage.told import lacking
from gateway_sync.usage_wire import UNMETERED_CODE

HOURS: Final = 3  # whole ones that a check looks back; late records of older ones are added by the same statement
GAP_MAY_LAST: Final = timedelta(minutes=15)  # a batch that was set aside is sent again; this long it is on its way
GAP, LACKING, RECORDS, PERIODS, SUMMARIES = "gap", "lacking", "records", "periods", "summaries"
UNMETERED: Final = "unmetered"
_GAPS_TOLD: Final = 20
_LIVES_TOLD: Final = 5  # of one gateway, so that one whose disk is gone, or that lies, hides nothing of others

# Of identified callers: those without an application are counted beside the records. A sandbox's calls are only logged.
_HOUR = """
SELECT
    (SELECT COUNT(*) FROM usage_usagerecord
        WHERE at >= %(since)s AND at < %(until)s AND application_id <> '' AND version_id NOT LIKE %(twin)s),
    (SELECT COALESCE(SUM(calls), 0) FROM usage_usagerollup
        WHERE period = 'hour' AND at = %(since)s AND application_id <> ''),
    (SELECT COALESCE(SUM(calls), 0) FROM usage_usagerollup WHERE period = 'hour' AND at = %(since)s),
    (SELECT COALESCE(SUM(calls), 0) FROM usage_usagerollup
        WHERE period = 'minute' AND at >= %(since)s AND at < %(until)s),
    (SELECT COALESCE(SUM(calls + lost), 0) FROM usage_versionrollup
        WHERE period = 'hour' AND at = %(since)s AND version_id = '*'),
    (SELECT COALESCE(SUM(calls + lost), 0) FROM usage_callerrollup WHERE period = 'hour' AND at = %(since)s)
"""
_DAY = """
SELECT
    (SELECT COALESCE(SUM(calls), 0) FROM usage_usagerollup WHERE period = 'day' AND at = %(since)s),
    (SELECT COALESCE(SUM(calls), 0) FROM usage_usagerollup
        WHERE period = 'hour' AND at >= %(since)s AND at < %(until)s)
"""

_MONTH = """
SELECT
    (SELECT COALESCE(SUM(calls), 0) FROM usage_versionrollup
        WHERE period = 'day' AND at >= %(since)s AND at < %(until)s AND version_id = '*'),
    (SELECT COALESCE(SUM(calls), 0) FROM usage_applicationmonth WHERE at = %(since)s)
"""

_UNMETERED = """
SELECT COALESCE(SUM(calls), 0) FROM usage_usagerollup
    WHERE period = 'day' AND at = %(since)s AND application_id = '' AND code = %(code)s
"""

Finding = tuple[str, dict[str, Any]]
_Told = TypeVar("_Told")


def check_conservation(now: datetime) -> ConservationCheck:
    """Compare what is stored with itself, and keep what was found."""
    until = start_of("hour", now)
    since = until - timedelta(hours=HOURS)
    findings: list[Finding] = [*_gaps(now), *_lacking(now)]
    records = summed = 0
    for hours in range(HOURS):
        hour = since + timedelta(hours=hours)
        counts = _counts(_HOUR, hour, hour + timedelta(hours=1))
        records, summed = records + counts[0], summed + counts[1]
        findings += _differences(hour, counts)
    today = start_of("day", now)
    for day in (today - timedelta(days=1), today):
        of_day, of_hours = _counts(_DAY, day, day + timedelta(days=1))
        if of_day != of_hours:
            findings.append((PERIODS, {"at": day.isoformat(), "one": of_hours, "other": of_day}))
        (unmetered,) = _counts(_UNMETERED, day, day)
        if unmetered:
            findings.append((UNMETERED, {"at": day.isoformat(), "one": unmetered, "other": 0}))
    month = start_of("month", now)
    of_days, of_month = _counts(_MONTH, month, end_of("month", month))
    if of_days != of_month:
        findings.append((SUMMARIES, {"at": month.isoformat(), "one": of_days, "other": of_month}))
    return ConservationCheck.objects.create(
        at=now, since=since, until=until, records=records, summed=summed, findings=[list(each) for each in findings]
    )


def last_check() -> ConservationCheck | None:
    """The newest check."""
    return ConservationCheck.objects.order_by("-at").first()


def _gaps(now: datetime) -> Iterator[Finding]:
    late = ReceivedBoot.objects.filter(gap_since__lt=now - GAP_MAY_LAST).order_by("gap_since", "pk")
    # Noted by the release before, which tells gaps from the first number on, a row may have none.
    found = ((row, gaps) for row in late.iterator() if (gaps := gaps_of(parse_runs(row.received), row.gaps_from)))
    for row, gaps in islice(_first_of_each(found, lambda each: each[0].gateway_id), _GAPS_TOLD):
        yield (
            GAP,
            {
                "gateway": row.gateway_id,
                "boot": row.boot,
                "since": row.gap_since.isoformat() if row.gap_since else "",
                "one": count_of(gaps),
                "other": gaps[0][0],
            },
        )


def _lacking(now: datetime) -> Iterator[Finding]:
    for each in islice(_first_of_each(lacking(now), lambda each: each.gateway_id), _GAPS_TOLD):
        yield (
            LACKING,
            {
                "gateway": each.gateway_id,
                "boot": each.boot,
                "since": each.since.isoformat(),
                "one": each.records,
                "other": each.first,
            },
        )


def _first_of_each(every: Iterable[_Told], gateway_of: Callable[[_Told], str]) -> Iterator[_Told]:
    """As many of each gateway as hide nothing of others."""
    told: Counter[str] = Counter()
    for each in every:
        gateway_id = gateway_of(each)
        told[gateway_id] += 1
        if told[gateway_id] <= _LIVES_TOLD:
            yield each


def _differences(hour: datetime, counts: tuple[int, ...]) -> Iterator[Finding]:
    records, summed, hours, minutes, versions, callers = counts
    for code, one, other in (
        (RECORDS, records, summed),
        (PERIODS, minutes, hours),
        (SUMMARIES, hours, versions),
        (SUMMARIES, hours, callers),
    ):
        if one != other:
            yield code, {"at": hour.isoformat(), "one": one, "other": other}


def _counts(statement: str, since: datetime, until: datetime) -> tuple[int, ...]:
    adapt = connection.ops.adapt_datetimefield_value
    names = {"since": adapt(since), "until": adapt(until), "twin": TWIN_PATTERN, "code": UNMETERED_CODE}
    with connection.cursor() as cursor:
        cursor.execute(statement, {name: names[name] for name in names if f"%({name})s" in statement})
        return tuple(int(count) for count in cursor.fetchone())
