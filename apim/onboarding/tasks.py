"""What is done by the clock: first calls noted, keys and accounts ended that nobody needs or confirmed."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from apim.onboarding import journeys, provisional, sandbox_keys


@shared_task(name="apim.onboarding.tasks.note_first_calls")
def note_first_calls() -> int:
    """Note who called for the first time; how many journeys changed."""
    return journeys.note_calls(timezone.now())


@shared_task(name="apim.onboarding.tasks.end_what_is_over")
def end_what_is_over() -> int:
    """End sandbox keys and unconfirmed accounts whose time is over; how many."""
    now = timezone.now()
    return sandbox_keys.forget_expired(now) + provisional.end_unconfirmed(now)
