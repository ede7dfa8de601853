"""Whatever the order in which events come, and however often, the end is that of ordered single delivery.

Promises R9, B10 (short form).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.connection import require_connection
from apim.billing.events import apply_event, store_event
from apim.billing.models import BillingSubscription, Invoice, StripeEvent
from tests.payments import BROKEN_CARD, Stripe, buy
from tests.switching import use_card

pytestmark = pytest.mark.django_db

SHUFFLES = 3
VOLATILE = {"version", "synced_at", "told_stage"}


def state() -> list[Any]:
    """All that follows from events, without what only counts how often it was looked at."""
    mirror = BillingSubscription.objects.values().get()
    subscription = Subscription.objects.values("lifecycle", "payment", "ends_at", "billing_anchor", "reason").get()
    invoices = list(Invoice.objects.order_by("stripe_id").values("stripe_id", "status", "total", "difference"))
    return [{name: value for name, value in mirror.items() if name not in VOLATILE}, subscription, invoices]


def replay(events: Sequence[dict[str, Any]]) -> list[Any]:
    """The end of these events, beginning with a subscription that waits for its payment."""
    StripeEvent.objects.all().delete()
    Invoice.objects.all().delete()
    BillingSubscription.objects.all().delete()
    Subscription.objects.update(
        lifecycle="pending", payment="none", awaits_payment=True, billing_anchor=None, ends_at=None, reason=""
    )
    connection = require_connection()
    for event in events:
        store_event(connection, event)
        apply_event(connection, event["id"])
    for event in StripeEvent.objects.exclude(state="applied"):
        StripeEvent.objects.filter(pk=event.pk).update(state="stored", retry_at=timezone.now())
        assert apply_event(connection, event.pk), event.outcome
    return state()


@pytest.mark.parametrize("seed", range(SHUFFLES))
def test_any_order_and_any_number_of_copies_end_alike(stripe_server: Stripe, waiting: Subscription, seed: int) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        buy(stripe_server, waiting)
        mirror = BillingSubscription.objects.get()
        driver = require_connection().driver
        if seed % 2:
            use_card(BROKEN_CARD)
        assert mirror.period_end is not None
        clock.move_to(mirror.period_end + timedelta(hours=3))
        stripe_server.control("time", seconds=0)
        events = list(reversed(list(driver.list("event", {}))))
        assert len(events) > 5
        wanted = replay([dict(event) for event in events])
        assert wanted[1]["payment"] == ("grace" if seed % 2 else "ok")
        chance = random.Random(seed)  # noqa: S311 - repeatable
        copies = [dict(event) for event in events for _ in range(chance.randint(1, 3))]
        chance.shuffle(copies)
        assert replay(copies) == wanted
