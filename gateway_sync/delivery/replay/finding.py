"""Finding: the last calls that the log holds, within seconds: whoever asks waits, and others need the database.

Owns: how far back calls are looked for, and for how long. What is not found in time is told, never waited for.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Final, NamedTuple

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from apim.contention import is_cut_off
from apim.usage.models import UsageRecord
from apim.usage.records import Asked, record_log

CALLS_AT_MOST: Final = 500
BUDGET_S: Final = 2.0
# Wider only where the narrower held too few: the last calls of what is called much are found at once.
WINDOWS: Final = (timedelta(hours=1), timedelta(days=1), timedelta(days=7))
_STEPS: Final = 10_000  # of SQLite's machine, between two looks at the clock


class Found(NamedTuple):
    """The newest calls; is_cut_off = there was no time to look for more."""

    records: list[UsageRecord]
    is_cut_off: bool


def last_calls(asked: Asked, *, budget_s: float = BUDGET_S) -> Found:
    """The newest that meet all of it, of at most a week."""
    ends_at, now = time.monotonic() + budget_s, timezone.now()
    records: list[UsageRecord] = []
    for window in WINDOWS:
        left_s = ends_at - time.monotonic()
        if left_s <= 0:
            return Found(records, is_cut_off=True)
        try:
            with bounded(left_s):
                records = record_log().newest(replace(asked, since=now - window), limit=CALLS_AT_MOST)
        except DatabaseError as error:
            if not is_cut_off(error):
                raise
            return Found(records, is_cut_off=True)
        if len(records) >= CALLS_AT_MOST:
            break
    return Found(records, is_cut_off=False)


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Have the database give up what takes longer, with an error that is_cut_off knows."""
    with transaction.atomic():
        if connection.vendor == "sqlite":
            with _bounded_sqlite(seconds):
                yield
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('statement_timeout')")
            (before,) = cursor.fetchone()
            _tell(f"{max(1, round(seconds * 1000))}ms")
        yield
        _tell(before)  # an error takes the setting back with all else


def _tell(bound: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [bound])


@contextmanager
def _bounded_sqlite(seconds: float) -> Iterator[None]:
    ends_at = time.monotonic() + seconds
    connection.connection.set_progress_handler(lambda: int(time.monotonic() > ends_at), _STEPS)
    try:
        yield
    finally:
        connection.connection.set_progress_handler(None, 0)
