"""Marking what time has ended. Gateways know the dates and refused such calls already; this is for pages and lists."""

from __future__ import annotations

from celery import shared_task

from apim.access import services


@shared_task(name="apim.access.tasks.end_what_is_due")
def end_what_is_due() -> None:
    """Mark keys past their expiry and canceled subscriptions past their end."""
    services.expire_credentials()
    services.end_due_subscriptions()
