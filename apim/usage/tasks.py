"""Usage work that runs by the clock."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apim.usage import services, traces


@shared_task
def purge_usage() -> int:
    """Delete records and roll-ups past their time; how many rows went."""
    return services.purge(now=timezone.now())


@shared_task
def purge_traces() -> int:
    """Delete traces past their time; how many went."""
    return traces.purge(now=timezone.now())
