"""The driver that keeps the records of the last hours as rows, and older ones in Parquet files.

A file counts once the database notes it, in the transaction that deletes its rows. So who reads the rows first and the
notes afterwards misses no record; what moved in between comes twice, and is told by its id. Counts know no ids: they
are made again when a file was noted meanwhile.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from django.db import transaction
from django.utils import timezone

from apim.usage.counting import moment
from apim.usage.models import RecordFile, UsageRecord
from apim.usage.receiving import Fresh
from apim.usage.records import moving, parquet
from apim.usage.records.asked import Asked, FirstCalls, Minute, Place
from apim.usage.records.database import DatabaseLog
from apim.usage.records.days import start_of_day

_T = TypeVar("_T")
_FILES_AT_ONCE: Final = 24  # a page is mostly found in the newest
_TRIES: Final = 20
_ALL: Final = ", ".join(parquet.NAMES)
_REQUEST: Final = re.compile(r"(?P<boot>[^-]{1,16})-(?P<number>[0-9a-f]{8,15})")
_APART: Final = 50_000  # of the numbers by which a call began and ended; nearly always
_MINUTE_US: Final = 60_000_000


class FileLog:
    """See RecordLog."""

    def __init__(self, folder: Path) -> None:
        """The folder of the files: the same one for every process."""
        self._folder, self._rows = folder, DatabaseLog()

    def add(self, fresh: Sequence[Fresh]) -> Sequence[Fresh]:
        """See RecordLog."""
        return self._rows.add(fresh)

    def newest(self, asked: Asked, *, limit: int, before: Place | None = None) -> list[UsageRecord]:
        """See RecordLog."""
        found = {record.pk: record for record in self._rows.newest(asked, limit=limit, before=before)}
        until = asked.until if before is None else min(before.at, asked.until or before.at)
        files = [
            file
            for file in RecordFile.objects.within(asked.since, None).order_by("-last_at")
            if until is None or file.first_at <= until
        ]
        clause = parquet.clause_of(asked)
        if before is not None:
            at_us = parquet.microseconds(before.at)
            clause = parquet.Clause(f"{clause.text} AND (at_us, id) < (?, ?)", [*clause.values, at_us, before.id])
        question = f"SELECT {_ALL} FROM records ORDER BY at_us DESC, id DESC LIMIT {int(limit)}"  # noqa: S608 - a number
        while files:
            if len(found) >= limit and files[0].last_at < _newest(found, limit)[-1].at:
                break  # all that is left is older
            some, files = files[:_FILES_AT_ONCE], files[_FILES_AT_ONCE:]
            records = map(parquet.record_of, self._ask(question, some, clause))
            found |= {record.pk: record for record in records}
        return _newest(found, limit)

    def find(self, request_id: str, *, since: datetime | None = None) -> UsageRecord | None:
        """See RecordLog."""
        if (record := self._rows.find(request_id, since=since)) is not None:
            return record
        files = list(RecordFile.objects.within(since, None).order_by("-last_at"))
        question = f"SELECT {_ALL} FROM records LIMIT 1"  # noqa: S608 - names of ours
        for clause in _where(request_id):
            for row in self._ask(question, files, clause):
                return parquet.record_of(row)
        return None

    def count_by_minute(self, asked: Asked) -> dict[Minute, int]:
        """See RecordLog."""

        def count() -> dict[Minute, int]:
            counts = Counter(self._rows.count_by_minute(asked))
            question = (
                f"SELECT version_id, environment_id, at_us // {_MINUTE_US}, credential_id, COUNT(*)"  # noqa: S608 - a number
                " FROM records GROUP BY ALL"
            )
            files = list(RecordFile.objects.within(asked.since, asked.until))
            for version, environment, minute, credential, calls in self._ask(question, files, parquet.clause_of(asked)):
                counts[Minute(version, environment, moment(minute * _MINUTE_US), credential)] += calls
            return dict(counts)

        return _undisturbed(count)

    def first_calls(self, asked: Asked) -> list[FirstCalls]:
        """See RecordLog."""
        firsts = {(each.application_id, each.version_id): each for each in self._rows.first_calls(asked)}
        question = (
            "SELECT application_id, version_id, MIN(at_us), MIN(at_us) FILTER (status BETWEEN 200 AND 299)"
            " FROM records GROUP BY ALL"
        )
        files = list(RecordFile.objects.within(asked.since, asked.until))
        for application, version, at_us, ok_us in self._ask(question, files, parquet.clause_of(asked)):
            ok_at = None if ok_us is None else moment(ok_us)
            told = FirstCalls(application, version, moment(at_us), ok_at)
            other = firsts.get((application, version), told)
            oks = [each.ok_at for each in (told, other) if each.ok_at is not None]
            firsts[application, version] = FirstCalls(
                application, version, min(told.at, other.at), min(oks, default=None)
            )
        return list(firsts.values())

    def forget(self, asked: Asked) -> int:
        """See RecordLog."""
        with transaction.atomic():
            count = self._rows.forget(asked)
            clause = parquet.clause_of(asked)
            for file in RecordFile.objects.select_for_update().within(asked.since, asked.until).order_by("pk"):
                ((found,),) = self._ask("SELECT COUNT(*) FROM records", [file], clause) or [(0,)]
                if found:
                    moving.write_again(self._folder, file, without=asked)
                count += found
        return count

    def count_before(self, moment: datetime, at_most: int) -> int:
        """See RecordLog."""
        count = self._rows.count_before(moment, at_most)
        old = RecordFile.objects.filter(last_at__lt=start_of_day(moment))
        return min(at_most, count + sum(old.values_list("records", flat=True)))

    def purge(self, moment: datetime) -> int:
        """See RecordLog."""
        until = start_of_day(moment)
        return self._rows.purge(moment) + moving.let_go(self._folder, until, now=timezone.now())

    def _ask(self, question: str, files: Sequence[RecordFile], clause: parquet.Clause) -> list[tuple[Any, ...]]:
        """The answer of the files that are there: one that is gone was let go of, or health tells of it."""
        paths = [self._folder / file.name for file in files]
        for _ in range(_TRIES):
            there = [path for path in paths if path.exists()]
            try:
                return parquet.ask(question, there, clause)
            except FileNotFoundError:
                if all(path.exists() for path in there):
                    raise
        return []


def _where(request_id: str) -> list[parquet.Clause]:
    """Where to look for a request, from the quickest on: few blocks have its boot and numbers near its own."""
    told = _REQUEST.fullmatch(request_id)
    if told is None:
        return [parquet.Clause("request_id = ?", [request_id])]
    number = int(told["number"], 16)
    of_boot = parquet.Clause("request_id = ? AND starts_with(boot, ?)", [request_id, told["boot"]])
    near = f"{of_boot.text} AND seq BETWEEN ? AND ?"
    return [parquet.Clause(near, [*of_boot.values, number - _APART, number + _APART]), of_boot]


def _newest(found: dict[int, UsageRecord], limit: int) -> list[UsageRecord]:
    return sorted(found.values(), key=lambda record: (record.at, record.pk), reverse=True)[:limit]


def _undisturbed(count: Callable[[], _T]) -> _T:
    """What was counted while no record moved."""
    for _ in range(_TRIES):
        before = set(RecordFile.objects.values_list("pk", flat=True))
        counted = count()
        if before == set(RecordFile.objects.values_list("pk", flat=True)):
            break
    return counted
