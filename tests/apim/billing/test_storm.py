"""Events of many payers, each three times, in any order, from several hands: the end of one ordered delivery.

Promises R9, B10.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import stripe
import time_machine
from django.db import connection as database
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.billing.catalogue import line_items
from apim.billing.connection import require_connection
from apim.billing.events import apply_event, store_event
from apim.billing.models import BillingSubscription, Customer, Invoice, StripeEvent
from apim.billing.standing import OUR_ID, OUR_VERSION
from apim.products.models import Product
from tests.factories import access
from tests.factories.accounts import TESTER
from tests.payments import Stripe
from tests.stripe_server.keys import TEST_KEY
from tests.stripe_server.server import Server
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

HANDS = 4  # on PostgreSQL; SQLite has one writer
COPIES = 3
PER_PAYER = 20  # events, at the least
CARDS = ("pm_card_visa", "pm_card_visa", "pm_card_chargeCustomerFail")
VOLATILE = {"version", "synced_at", "told_stage"}


@pytest.fixture
def server(_standin: Server) -> Server:
    """The stand-in itself."""
    return _standin


def customers_of(product: Product, number: int, client: stripe.StripeClient) -> None:
    """So many payers with a subscription each, at Stripe and here, where nothing is known of its payment."""
    connection, plan = require_connection(), product.plans.get()
    for index in range(number):
        application = access.application()
        ours = subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True)
        items: Any = line_items(connection, product, ours.plan_version)
        customer = client.v1.customers.create({"name": application.organization.name})
        Customer.objects.create(organization=application.organization, mode="test", stripe_id=customer.id)
        use_card(client, customer.id, "pm_card_visa")
        metadata = {OUR_ID: ours.id, OUR_VERSION: ours.plan_version_id}
        made = client.v1.subscriptions.create({"customer": customer.id, "items": items, "metadata": metadata})
        use_card(client, customer.id, CARDS[index % len(CARDS)])
        if index % 4 == 1:
            client.v1.subscriptions.update(made.id, {"cancel_at_period_end": True})
        if index % 5 == 4:
            client.v1.subscriptions.cancel(made.id)


def use_card(client: stripe.StripeClient, customer: str, card: str) -> None:
    """What comes is charged from this card."""
    method = client.v1.payment_methods.attach(card, {"customer": customer})
    client.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method.id}})


def state() -> list[Any]:
    """All that follows from events, without what only counts how often it was looked at."""
    mirrors = BillingSubscription.objects.order_by("pk").values()
    found = Subscription.objects.order_by("pk").values(
        "pk", "lifecycle", "payment", "ends_at", "billing_anchor", "reason", "awaits_payment"
    )
    invoices = Invoice.objects.order_by("pk").values("pk", "status", "total", "amount_remaining", "difference", "note")
    standings = [
        each | {"ends_at": each["lifecycle"] != "ended" and each["ends_at"]} for each in found
    ]  # when we heard of it
    kept = [{name: value for name, value in mirror.items() if name not in VOLATILE} for mirror in mirrors]
    return [kept, standings, list(invoices)]


def forget() -> None:
    """As before the first event."""
    for model in (StripeEvent, Invoice, BillingSubscription):
        model.objects.all().delete()
    Subscription.objects.update(
        lifecycle="pending", payment="none", awaits_payment=True, billing_anchor=None, ends_at=None, reason=""
    )


def deliver(events: Sequence[dict[str, Any]], hands: int) -> list[Any]:
    """The end of these events, taken in by so many hands; what was put off is tried again."""

    def take(mine: Sequence[dict[str, Any]]) -> None:
        connection = require_connection()
        try:
            for event in mine:
                store_event(connection, event)
                apply_event(connection, event["id"])
        finally:
            if hands > 1:
                database.close()

    forget()
    if hands == 1:
        take(events)
    else:
        with ThreadPoolExecutor(hands) as pool:
            list(pool.map(take, [events[index::hands] for index in range(hands)]))

    def is_done() -> bool:
        left = StripeEvent.objects.exclude(state="applied")
        for key in list(left.values_list("pk", flat=True)):
            StripeEvent.objects.filter(pk=key).update(state="stored", retry_at=timezone.now())
            apply_event(require_connection(), key)
        return not left.exists()

    wait_until(is_done, "all events are applied")
    return state()


def all_events() -> list[dict[str, Any]]:
    """Those that Stripe lists, the oldest first."""
    return [dict(event) for event in require_connection().driver.list("event", {})][::-1]


def storm(stripe_server: Stripe, server: Server, product: Product, least: int, seed: int) -> int:
    """How many events there were; their storm ended as their single ordered delivery did."""
    client = stripe.StripeClient(TEST_KEY, base_addresses={"api": stripe_server.address})
    stripe_server.control("webhooks", mode="lose")  # they are read from the list, which is in order
    with time_machine.travel(timezone.now(), tick=True) as clock:
        customers_of(product, least // PER_PAYER, client)
        events = all_events()  # the list goes back 30 days
        clock.shift(timedelta(days=31, hours=3))
        server.state.tick()
        known = {event["id"] for event in events}
        events += [event for event in all_events() if event["id"] not in known]
        assert len(events) >= least
        wanted = deliver(events, 1)
        assert {each["payment"] for each in wanted[1]} >= {"ok", "grace"}
        chance = random.Random(seed)  # noqa: S311 - repeatable
        copies = events * COPIES
        chance.shuffle(copies)
        assert deliver(copies, HANDS if database.vendor == "postgresql" else 1) == wanted
    return len(events)


@pytest.mark.postgresql
def test_a_hundred_events_three_times_in_any_order_from_many_hands(
    stripe_server: Stripe, server: Server, product: Product
) -> None:
    storm(stripe_server, server, product, 100, seed=1)


@pytest.mark.slow
def test_ten_thousand_events_three_times_in_any_order_from_many_hands(
    stripe_server: Stripe, server: Server, product: Product, record_property: Any
) -> None:
    record_property("events", storm(stripe_server, server, product, 10_000, seed=2))
