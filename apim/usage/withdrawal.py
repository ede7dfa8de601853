"""Taking calls that were no real ones out of the sums again, so that summaries go on saying what the others say."""

from __future__ import annotations

from django.db import models, transaction
from django.db.models import F

from apim.usage.models import CallerRollup, PlanMove, UsageRollup, VersionRollup
from apim.usage.month_sums import sum_up_month_of
from apim.usage.periods import start_of
from apim.usage.summaries import end_of


@transaction.atomic
def take_out(rows: models.QuerySet[UsageRollup]) -> None:
    """Delete these sums, and take them off the summaries by version, by caller and by application."""
    months = set()
    for row in rows.select_for_update().order_by("pk"):
        end = end_of(row.status, row.code)
        counted = {"calls": 0 if end == "lost" else row.calls, end: row.calls}
        ends = {name: F(name) - count for name, count in counted.items()}
        where = {"period": row.period, "at": row.at, "environment_id": row.environment_id}
        callers = CallerRollup.objects.filter(**where, version_id=row.version_id, application_id=row.application_id)
        callers.update(**ends)
        amounts = {name: F(name) - getattr(row, name) for name in ("request_bytes", "response_bytes")}
        VersionRollup.objects.filter(**where, version_id__in=(row.version_id, VersionRollup.EVERY)).update(
            **ends, **amounts
        )
        months.add((row.environment_id, row.application_id, start_of("month", row.at)))
        PlanMove.objects.filter(**{name: getattr(row, name) for name in UsageRollup.DIMENSIONS}).delete()
        row.delete()
    for month in sorted(months):
        sum_up_month_of(*month)
