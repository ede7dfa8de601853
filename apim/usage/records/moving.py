"""Moving records from rows to files, exactly once: at every moment a record is a row or in a file that is noted.

A move is one transaction that deletes rows and hands them over as it deletes them. They go to a file of another name,
which is synced, renamed, and noted by the same transaction. Who is killed before its commit leaves the rows where they
were and a file that nobody reads; who is killed after it has moved them.
"""

from __future__ import annotations

import csv
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import connection, transaction
from django.utils import timezone

from apim.usage.models import RecordFile, UsageRecord
from apim.usage.receiving import note_stored
from apim.usage.records import parquet
from apim.usage.records.asked import Asked

ROWS_AT_MOST: Final = {"postgresql": 2_000_000, "sqlite": 100_000}  # of one transaction; SQLite has one writer
UNNOTED_FOR: Final = timedelta(days=8)  # a file that no database notes; one put back from a backup may
_HALF_WRITTEN_FOR: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_ROWS: Final = 5_000
_WRITING: Final = ".writing"
# The columns of parquet.NAMES, as texts that DuckDB reads.
_AS_TEXT: Final = {
    "postgresql": {
        "at_us": "(EXTRACT(EPOCH FROM at) * 1000000)::bigint",
        "is_indeterminate": "is_indeterminate::int",
    },
    "sqlite": {
        # Without its fraction: SQLite rounds a moment to milliseconds, and so might tell the next second.
        "at_us": "CAST(strftime('%%s', substr(at, 1, 19)) AS INTEGER) * 1000000"
        " + CAST(substr(substr(at, 21) || '000000', 1, 6) AS INTEGER)"
    },
}


def move(folder: Path, *, until: datetime) -> int:
    """Move all records of before, an hour at most a file; how many moved."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    moved = 0
    while (bounds := _next(until)) is not None:
        note_stored(*bounds)
        moved += _move(folder, *bounds)
    return moved


def write_again(folder: Path, file: RecordFile, *, without: Asked) -> None:
    """Put another file in the place of one, which has all but some of its records. Within a transaction."""
    draft, name = _names(folder, file.first_at)
    count = parquet.write_without(folder / file.name, draft, without)
    _note(folder, draft, name, bounds=(file.first_at, file.last_at), records=count)
    file.delete()
    transaction.on_commit(lambda: (folder / str(file.name)).unlink(missing_ok=True))


def let_go(folder: Path, until: datetime, *, now: datetime) -> int:
    """Remove the files that are older as a whole, and what was left by those who were killed; how many records went."""
    gone = 0
    for file in RecordFile.objects.filter(last_at__lt=until):
        file.delete()  # first: a file that is noted is there
        (folder / file.name).unlink(missing_ok=True)
        gone += file.records
    noted = set(RecordFile.objects.values_list("name", flat=True))
    for path in folder.glob("*") if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            age = now - datetime.fromtimestamp(path.stat().st_mtime, UTC)
            is_left = path.name not in noted and path.suffix == ".parquet" and age > UNNOTED_FOR
            if is_left or (path.suffix == _WRITING and age > _HALF_WRITTEN_FOR):
                path.unlink()
    return gone


def _next(until: datetime) -> tuple[datetime, datetime] | None:
    """[since, until) of the next move: the oldest hour that has rows, or the part of it that is not too much."""
    rows = UsageRecord.objects.filter(at__lt=until).order_by("at").values_list("at", flat=True)
    first = rows.first()
    if first is None:
        return None
    hour = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    end = min(hour + _HOUR, until)
    most = ROWS_AT_MOST[connection.vendor]
    too_many = rows.filter(at__lt=end)[most : most + 1].first()
    if too_many is not None:
        end = max(too_many, first + timedelta(microseconds=1))  # those of one moment go together
    return first, end


def _move(folder: Path, since: datetime, until: datetime) -> int:
    draft, name = _names(folder, since)
    rows = draft.with_name(f"{draft.name}.csv{_WRITING}")
    try:
        with transaction.atomic():
            count = _take_out(rows, since, until)
            if count:
                parquet.write(rows, draft)
                _note(folder, draft, name, bounds=(since, until - timedelta(microseconds=1)), records=count)
    finally:
        for left in (rows, draft):
            left.unlink(missing_ok=True)
    return count


def _note(folder: Path, draft: Path, name: str, *, bounds: tuple[datetime, datetime], records: int) -> None:
    size = draft.stat().st_size
    draft.rename(folder / name)
    parquet.sync(folder)
    RecordFile.objects.create(
        name=name, first_at=bounds[0], last_at=bounds[1], records=records, bytes=size, made_at=timezone.now()
    )


def _names(folder: Path, since: datetime) -> tuple[Path, str]:
    """Where it is written, and what it is called when it is whole: a name that nothing had before."""
    name = f"{since.astimezone(UTC):%Y%m%dT%H}-{uuid.uuid4().hex}.parquet"
    return folder / f".{name}{_WRITING}", name


def _take_out(to: Path, since: datetime, until: datetime) -> int:
    """Delete the rows and write them as CSV; how many. They are gone when the transaction ends well."""
    texts = _AS_TEXT[connection.vendor]
    columns = ", ".join(texts.get(name, name) for name in parquet.NAMES)
    adapt = connection.ops.adapt_datetimefield_value
    bounds = [str(adapt(each)) for each in (since, until)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            statement = (
                f"COPY (DELETE FROM usage_usagerecord WHERE at >= '{bounds[0]}' AND at < '{bounds[1]}'"  # noqa: S608 - moments
                f" RETURNING {columns}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"
            )
            with to.open("wb") as out, cursor.copy(statement) as copy:
                for block in copy:
                    out.write(block)
            return int(cursor.rowcount)
        cursor.execute(
            f"DELETE FROM usage_usagerecord WHERE at >= %s AND at < %s RETURNING {columns}",  # noqa: S608 - names
            bounds,
        )
        count = 0
        with to.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
            while rows := cursor.fetchmany(_ROWS):
                writer.writerows(rows)
                count += len(rows)
        return count
