"""Usage work that runs by the clock."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apim.usage import quota_news, quota_notices, traces


@shared_task
def tell_quotas() -> int:
    """Tell people and webhooks of quotas that are nearly or quite used up; how many endpoints will be told."""
    quota_notices.tell_people_of_quotas(timezone.now())
    return quota_news.tell_quotas()


@shared_task
def purge_traces() -> int:
    """Delete traces past their time; how many went."""
    return traces.purge(now=timezone.now())
