"""Usage work that runs by the clock."""

from __future__ import annotations

from datetime import timedelta

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from apim.usage import quota_news, quota_notices, traces


@shared_task
def tell_quotas() -> int:
    """Tell people and webhooks of quotas that are nearly or quite used up; how many endpoints will be told."""
    quota_notices.tell_people_of_quotas(timezone.now())
    return quota_news.tell_quotas()


@shared_task
def move_records() -> int:
    """Move what is older than its time as rows to files, where a folder is set; how many moved."""
    if not settings.RECORDS_FOLDER:
        return 0
    from apim.usage.records.moving import move  # noqa: PLC0415 - DuckDB is there only where files are wanted

    until = timezone.now() - timedelta(hours=settings.RECORDS_MOVED_AFTER_HOURS)
    return move(settings.RECORDS_FOLDER, until=until)


@shared_task
def purge_traces() -> int:
    """Delete traces past their time; how many went."""
    return traces.purge(now=timezone.now())
