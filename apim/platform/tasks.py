"""The platform's work by the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from apim.gateways.constants import PUBLISHING_QUEUE
from apim.platform.conserving import look
from apim.platform.health.stores import open_redis
from apim.platform.heartbeats import DEFAULT_QUEUE, PERIOD_S, note_heartbeat
from apim.platform.lagging import note_lags
from apim.platform.storage import purge_expired


@shared_task(bind=True)
def note_worker(self: Any) -> None:
    """Say that the workers of the default queue live."""
    _note(self.request, DEFAULT_QUEUE)


@shared_task(bind=True)
def note_publisher(self: Any) -> None:
    """Say that the publishing worker lives."""
    _note(self.request, PUBLISHING_QUEUE)


@shared_task
def purge_storage() -> int:
    """Delete rows past their time; how many went."""
    return purge_expired(now=timezone.now())


@shared_task
def note_lagging() -> int:
    """Note for this minute which gateways lag; how many."""
    return note_lags(timezone.now())


@shared_task
def check_conservation() -> int:
    """Look whether usage is whole; how many differences were found."""
    return len(look(timezone.now()).findings)


def _note(request: Any, queue: str) -> None:
    """Beat lets the message expire after a period, so the end of it says when it was sent."""
    sent_at = datetime.fromisoformat(request.expires) - timedelta(seconds=PERIOD_S) if request.expires else None
    with open_redis() as client:
        note_heartbeat(client, queue, at=timezone.now(), sent_at=sent_at)
