"""Records of single requests: whether those of tomorrow have a place, and older ones are where they are noted."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from apim.platform.health.verdicts import Verdict, amber, green, red
from apim.usage.models import RecordFile, UsageRecord
from apim.usage.records import days

LATE_AFTER: Final = timedelta(hours=6)
_WORKER: Final = "celery -A apim.config worker -Q default"


def kept() -> Verdict:
    """Where records are, and what is wrong with it."""
    tomorrow = days.start_of_day(timezone.now()) + timedelta(days=1)
    if connection.vendor == "postgresql" and not any(part.until > tomorrow for part in days.parts()):
        text = gettext("No part of the table is made for records of %(day)s: start the workers.")
        return amber(text % {"day": f"{tomorrow:%Y-%m-%d}"}, command=_WORKER)
    folder: Path | None = settings.RECORDS_FOLDER
    if folder is not None:
        return _of_files(folder)
    if RecordFile.objects.exists():
        return red(gettext("Records are in files, and APIM_RECORDS_FOLDER does not say where: set it."))
    return green(gettext("Records of requests are in the database."))


def _of_files(folder: Path) -> Verdict:
    if folder.exists() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        text = gettext("The folder %(folder)s of records cannot be read and written by this process.")
        return red(text % {"folder": folder})
    names = list(RecordFile.objects.values_list("name", flat=True))
    missing = sum(not (folder / name).exists() for name in names)
    if missing:
        text = ngettext(
            "%(count)d file of records is not in %(folder)s: its calls are not shown. Sums and invoices have them.",
            "%(count)d files of records are not in %(folder)s: their calls are not shown. Sums and invoices have them.",
            missing,
        )
        return red(text % {"count": missing, "folder": folder})
    late = timezone.now() - timedelta(hours=settings.RECORDS_MOVED_AFTER_HOURS) - LATE_AFTER
    if UsageRecord.objects.filter(at__lt=late).exists():
        text = gettext("Records of before %(at)s UTC should be in files, and are not: start the workers.")
        return amber(text % {"at": f"{late:%Y-%m-%d %H:%M}"}, command=_WORKER)
    records = RecordFile.objects.aggregate(sum=Sum("records"))["sum"] or 0
    text = ngettext(
        "%(files)d file holds the older records: %(records)d.",
        "%(files)d files hold the older records: %(records)d.",
        len(names),
    )
    return green(text % {"files": len(names), "records": records})
