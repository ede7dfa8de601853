"""Requests that wait: how long answers take, and a reminder to those who decide."""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median
from typing import Final

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from apim.access import inbox
from apim.access.models import Subscription, SubscriptionQuerySet

REMINDED_AFTER: Final = timedelta(hours=24)
MEASURED: Final = timedelta(days=30)
_ANSWERS_AT_MOST: Final = 500
_REMINDERS_A_RUN: Final = 100


def median_answer(decidable: QuerySet[Subscription]) -> timedelta | None:
    """The median time from a request to its decision in the last 30 days; None without any. One query."""
    decided = decidable.filter(asked_at__isnull=False, decided_at__gte=timezone.now() - MEASURED)
    rows = decided.filter(decided_at__gte=F("asked_at")).order_by("-decided_at").values_list("asked_at", "decided_at")
    waits = [(after - before).total_seconds() for before, after in rows[:_ANSWERS_AT_MOST] if before and after]
    return timedelta(seconds=median(waits)) if waits else None


def overdue(now: datetime) -> SubscriptionQuerySet:
    """Requests that wait longer than they should, and of which nobody was reminded yet."""
    since = now - REMINDED_AFTER
    is_late = Q(asked_at__lte=since) | Q(asked_at=None, created_at__lte=since)
    return (
        Subscription.objects.awaiting_decision().with_names().filter(is_late, reminded_at=None).order_by("created_at")
    )


def remind_deciders() -> int:
    """How many requests their deciders were reminded of. Each once, whoever runs beside it."""
    now = timezone.now()
    count = 0
    for subscription in overdue(now)[:_REMINDERS_A_RUN]:
        with transaction.atomic():  # the mark and the mails, or neither
            if Subscription.objects.filter(pk=subscription.pk, reminded_at=None).update(reminded_at=now):
                inbox.remind_of_request(subscription)
                count += 1
    return count
