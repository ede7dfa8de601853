"""Delivering: what is due is claimed, sent and noted, in short transactions.

Owns: the order of attempts and what follows from one. Must not know: what events say.
A claim moves the next attempt on by a lease, so two processes never send the same delivery at the same time, and one
that is killed while it sends leaves a delivery that is sent again: at least once, always under the same webhook-id.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F, Min
from django.utils import timezone
from django.utils.translation import gettext_noop

from apim.webhooks.constants import DISABLED_AFTER, KEPT_FOR, LEASE, MOST_ATTEMPTS, PAUSES
from apim.webhooks.disabling import disable_failing
from apim.webhooks.models import Attempt, Delivery, Endpoint, Event
from apim.webhooks.sealing import signing_secrets
from apim.webhooks.sending import Letter, Outcome, send_all

_ENDPOINTS_A_BATCH = 20
_AT_ONCE = 5  # to one endpoint that answers; one that fails is asked one by one
_RUN_S = 20.0
_GONE = 410
_PURGED_AT_ONCE = 1000


def deliver_due(*, within_s: float = _RUN_S) -> int:
    """How many deliveries were attempted. Begins no batch after within_s: the next run goes on."""
    ends_at, attempted = time.monotonic() + within_s, 0
    while time.monotonic() < ends_at:
        claimed = _claim_batch(timezone.now())
        if not claimed:
            break
        outcomes = send_all([_letter(delivery) for delivery in claimed])
        for delivery, outcome in zip(claimed, outcomes, strict=True):
            note(delivery, outcome)
        attempted += len(claimed)
    return attempted


def payload_of(event: Event) -> bytes:
    """The body of each attempt to tell the event: the same bytes each time."""
    content = {"type": event.type, "timestamp": event.created_at.isoformat(), "data": event.data}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


@transaction.atomic
def note(delivery: Delivery, outcome: Outcome) -> None:
    """Keep what came of an attempt, and say when the next one is."""
    now = timezone.now()
    endpoint = Endpoint.objects.select_for_update().filter(pk=delivery.endpoint_id).first()
    if endpoint is None:
        return  # deleted meanwhile, with its deliveries
    Attempt.objects.create(
        delivery=delivery,
        at=now,
        status=outcome.status,
        latency_ms=outcome.latency_ms,
        error=outcome.error,
        response=outcome.response,
    )
    pending = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.PENDING)
    if outcome.is_success:
        Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.DELIVERED, retry_at=None, finished_at=now)
        if endpoint.failing_since is not None:
            Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=None)
        return
    if delivery.attempts >= MOST_ATTEMPTS:
        pending.update(state=Delivery.State.FAILED, retry_at=None, finished_at=now)
    else:
        pending.update(retry_at=now + PAUSES[delivery.attempts - 1])
    if endpoint.failing_since is None:
        endpoint.failing_since = now
        Endpoint.objects.filter(pk=endpoint.pk).update(failing_since=now)
    if endpoint.is_enabled and outcome.status == _GONE:
        disable_failing(endpoint, gettext_noop("It answered 410 Gone."))
    elif endpoint.is_enabled and now - endpoint.failing_since >= DISABLED_AFTER:
        disable_failing(endpoint, gettext_noop("Nothing could be delivered for 5 days."))


def purge(*, now: datetime) -> int:
    """How many events were let go of, with their deliveries, a bounded number a transaction."""
    removed = 0
    while ids := list(
        Event.objects.filter(created_at__lt=now - KEPT_FOR).values_list("id", flat=True)[:_PURGED_AT_ONCE]
    ):
        Event.objects.filter(id__in=ids).delete()
        removed += len(ids)
    return removed


def _claim_batch(now: datetime) -> list[Delivery]:
    """What this process sends next. Endpoints that answer come first: those that fail never keep them waiting."""
    endpoints = (
        Delivery.objects.due(now)
        .order_by()
        .values("endpoint_id", "endpoint__failing_since")
        .annotate(first=Min("retry_at"))
        .order_by(F("endpoint__failing_since").asc(nulls_first=True), "first")[:_ENDPOINTS_A_BATCH]
    )
    claimed: list[Delivery] = []
    for row in list(endpoints):
        most = _AT_ONCE if row["endpoint__failing_since"] is None else 1
        due = Delivery.objects.due(now).filter(endpoint=row["endpoint_id"]).select_related("endpoint", "event")
        claimed += _claim(due[:most], now)
    return claimed


def _claim(deliveries: Iterable[Delivery], now: datetime) -> Sequence[Delivery]:
    mine = []
    for delivery in deliveries:
        free = Delivery.objects.due(now).filter(pk=delivery.pk, attempts=delivery.attempts)
        if free.order_by().update(attempts=F("attempts") + 1, retry_at=now + LEASE):
            delivery.attempts += 1
            mine.append(delivery)
    return mine


def _letter(delivery: Delivery) -> Letter:
    return Letter(
        delivery_id=delivery.id,
        url=delivery.endpoint.url,
        message_id=delivery.event_id,
        body=payload_of(delivery.event),
        secrets=signing_secrets(delivery.endpoint, timezone.now()),
    )
