"""What time does to keys and subscriptions, and what versions mean to subscribers.

Gateways know the dates and refused such calls already; marking them is for pages and lists.
"""

from __future__ import annotations

from celery import shared_task

from apim.access import ending, services, telling, waiting


@shared_task(name="apim.access.tasks.end_what_is_due")
def end_what_is_due() -> None:
    """Mark keys past their expiry, canceled subscriptions past their end, offers that nobody answered."""
    services.expire_credentials()
    services.end_due_subscriptions()
    services.expire_transfers()


@shared_task(name="apim.access.tasks.tell_of_ends")
def tell_of_ends() -> None:
    """Tell of keys that end soon."""
    ending.tell_of_ends()


@shared_task(name="apim.access.tasks.spread_version_events")
def spread_version_events() -> None:
    """Pass events of versions on to the endpoints of those who subscribed."""
    telling.spread_version_events()


@shared_task(name="apim.access.tasks.remind_deciders")
def remind_deciders() -> None:
    """Remind those who decide of requests that wait too long."""
    waiting.remind_deciders()
