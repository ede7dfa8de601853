"""Parquet files of records, written and read by DuckDB: the only module that knows either.

Shapes: a file has the columns of NAMES, its rows in the order of at_us and id. at_us is in microseconds since the
epoch, so that no time zone of a session has a say.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb
from django.conf import settings

from apim.usage.counting import moment
from apim.usage.models import UsageRecord
from apim.usage.records.asked import FIRST_ERROR, Asked

_TEXTS: Final = (
    "gateway_id", "boot", "request_id", "client_request_id", "environment_id", "version_id", "operation", "path",
    "organization_id", "application_id", "credential_id", "subscription_id", "plan_version_id", "code",
)  # fmt: skip
_KINDS: Final = {
    "id": "BIGINT", "seq": "BIGINT", "at_us": "BIGINT", "status": "SMALLINT", "is_indeterminate": "BOOLEAN",
    "duration_us": "BIGINT", "upstream_us": "BIGINT", "request_bytes": "BIGINT", "response_bytes": "BIGINT",
}  # fmt: skip
KINDS: Final = dict.fromkeys(_TEXTS, "VARCHAR") | _KINDS
NAMES: Final = tuple(KINDS)
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = moment(0)
_SETTINGS: Final = {
    "threads": "2",
    "memory_limit": "512MB",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}

_lock = threading.Lock()
_opened: dict[int, duckdb.DuckDBPyConnection] = {}  # by process: a fork must not use, nor end, its parent's


class Clause(NamedTuple):
    """A condition in SQL and its values."""

    text: str
    values: list[Any]


def write(rows: Path, to: Path) -> None:
    """Make a file of the CSV file of rows, whose columns are NAMES; it is on the disk at the end."""
    names = ", ".join(f"'{name}': '{kind}'" for name, kind in KINDS.items())
    read = (
        f"read_csv({_file(rows)}, header=false, auto_detect=false, delim=',', quote='\"', escape='\"', new_line='\\n',"
        f" max_line_size=16777216, parallel=false, force_not_null={list(_TEXTS)}, columns={{{names}}})"
    )
    _run(f"COPY (SELECT * FROM {read} ORDER BY at_us, id) TO '{_quoted(to)}' {_FORMAT}")  # noqa: S608 - names of ours
    sync(to)


def write_without(source: Path, to: Path, without: Asked) -> int:
    """Make a file of what another holds but for some; how many it has. It is on the disk at the end."""
    clause = clause_of(without)
    taken = f"SELECT * FROM read_parquet({_file(source)}) WHERE NOT ({clause.text}) ORDER BY at_us, id"  # noqa: S608 - as above
    _run(f"COPY ({taken}) TO '{_quoted(to)}' {_FORMAT}", clause.values)
    sync(to)
    return int(_run(f"SELECT COUNT(*) FROM read_parquet({_file(to)})")[0][0])  # noqa: S608 - as above


def ask(question: str, files: Sequence[Path], clause: Clause) -> list[tuple[Any, ...]]:
    """The rows that a question about `records` has for an answer, of the records of files that meet the clause.

    Errors: FileNotFoundError when one of them is gone.
    """
    if not files:
        return []
    read = ", ".join(_file(file) for file in files)
    records = f"WITH records AS (SELECT * FROM read_parquet([{read}]) WHERE {clause.text})"  # noqa: S608 - as above
    return _run(f"{records} {question}", clause.values)


def clause_of(asked: Asked) -> Clause:
    """What its records meet."""
    parts, values = ["TRUE"], list[Any]()
    for column, wanted in asked.among.items():  # columns were looked at when it was asked
        among = list(wanted)
        parts.append(f"{column} = ?" if len(among) == 1 else f"list_contains(?::VARCHAR[], {column})")
        values.append(among[0] if len(among) == 1 else among)
    for text, value in (
        ("at_us >= ?", None if asked.since is None else microseconds(asked.since)),
        ("at_us < ?", None if asked.until is None else microseconds(asked.until)),
        ("contains(lower(operation), lower(?))", asked.operation_part or None),
    ):
        if value is not None:
            parts.append(text)
            values.append(value)
    if asked.statuses:
        parts.append(f"({' OR '.join(['status BETWEEN ? AND ?'] * len(asked.statuses))})")
        values += [status for pair in asked.statuses for status in pair]
    if asked.is_wrong:
        parts.append(f"(status >= {FIRST_ERROR} OR is_indeterminate)")
    return Clause(" AND ".join(parts), values)


def record_of(row: Sequence[Any]) -> UsageRecord:
    """The record that a row of NAMES says."""
    values = dict(zip(NAMES, row, strict=True))
    return UsageRecord(at=moment(values.pop("at_us")), **values)


def microseconds(at: datetime) -> int:
    """Since the epoch."""
    return (at - _EPOCH) // _MICROSECOND


def sync(path: Path) -> None:
    """Return once the file, or what is in the folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_FORMAT: Final = "(FORMAT parquet, COMPRESSION zstd)"


def _run(statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    cursor = _cursor()
    try:
        return _fetched(lambda: cursor.execute(statement, values))
    finally:
        cursor.close()


def _fetched(run: Callable[[], duckdb.DuckDBPyConnection]) -> list[tuple[Any, ...]]:
    try:
        return run().fetchall()
    except duckdb.IOException as error:
        raise FileNotFoundError(str(error)) from error


def _cursor() -> duckdb.DuckDBPyConnection:
    """A session of its own of this process's DuckDB."""
    with _lock:
        process = os.getpid()
        if process not in _opened:
            spilled_to = str(settings.ENV.home / "run" / f"duckdb-{process}")
            _opened[process] = duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": spilled_to})
        return _opened[process].cursor()


def _file(path: Path) -> str:
    return f"'{_quoted(path)}'"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
