"""Which driver an installation has."""

from __future__ import annotations

from django.conf import settings

from apim.usage.records.asked import RecordLog
from apim.usage.records.database import DatabaseLog


def record_log() -> RecordLog:
    """The log of records: the database alone, or with files of what is older where a folder is set."""
    if not settings.RECORDS_FOLDER:
        return DatabaseLog()
    from apim.usage.records.files import FileLog  # noqa: PLC0415 - DuckDB is there only where files are wanted

    return FileLog(settings.RECORDS_FOLDER)
