"""Sending what waits, and letting go of what is old."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apim.webhooks import delivering
from apim.webhooks.constants import DELIVER_TASK


@shared_task(name=DELIVER_TASK)
def deliver_due() -> None:
    """Send what is due; asked for on each commit that made something due, and every few seconds."""
    delivering.deliver_due()


@shared_task(name="apim.webhooks.tasks.purge_events")
def purge_events() -> None:
    """Let go of events that are older than pages show."""
    delivering.purge(now=timezone.now())
