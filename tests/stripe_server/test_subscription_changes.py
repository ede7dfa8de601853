"""Changes of subscriptions: prorations, pending updates, schedules. Times are those of a test clock."""

from __future__ import annotations

from typing import Any

import stripe

from tests.stripe_server import scenes
from tests.stripe_server.fixture import StripeServer
from tests.stripe_server.scenes import DAY, START

FEBRUARY = START + 31 * DAY


def get(client: stripe.StripeClient, key: str) -> Any:
    return client.v1.subscriptions.retrieve(key)


def invoices(client: stripe.StripeClient, key: str) -> list[Any]:
    """Oldest first."""
    return client.v1.invoices.list({"subscription": key}).data[::-1]


def test_an_upgrade_at_mid_period_credits_and_charges_to_the_second(stripe_server: StripeServer):
    client = stripe_server.client()
    small, large = scenes.price(client, 3100), scenes.price(client, 6200)
    made, _customer, clock = scenes.subscribed(stripe_server, small)
    stripe_server.advance(clock, START + 21 * DAY)
    change: Any = {
        "items": [{"id": made["items"].data[0].id, "price": large}],
        "proration_behavior": "always_invoice",
    }

    preview = client.v1.invoices.create_preview({"subscription": made.id, "subscription_details": change})
    updated = client.v1.subscriptions.update(made.id, change)

    invoice = client.v1.invoices.retrieve(str(updated.latest_invoice))
    assert [line.amount for line in invoice.lines.data] == [-1000, 2000]
    assert [line.amount for line in preview.lines.data] == [-1000, 2000]
    assert preview.id.startswith("upcoming_in_")
    assert (invoice.status, invoice.total, invoice.billing_reason) == ("paid", 1000, "subscription_update")
    assert len(invoices(client, made.id)) == 2


def test_prorations_wait_for_the_next_invoice_unless_told_otherwise(stripe_server: StripeServer):
    client = stripe_server.client()
    small, large = scenes.price(client, 3100), scenes.price(client, 6200)
    made, customer, clock = scenes.subscribed(stripe_server, small)
    stripe_server.advance(clock, START + 21 * DAY)
    item = made["items"].data[0].id
    client.v1.subscriptions.update(made.id, {"items": [{"id": item, "price": large}]})
    assert len(client.v1.invoice_items.list({"customer": customer, "pending": True}).data) == 2

    stripe_server.advance(clock, FEBRUARY + 3601)

    assert invoices(client, made.id)[-1].total == 6200 + 1000


def test_a_pending_update_counts_only_when_its_invoice_is_paid(stripe_server: StripeServer):
    client = stripe_server.client()
    small, large = scenes.price(client, 3100), scenes.price(client, 6200)
    made, customer, clock = scenes.subscribed(stripe_server, small)
    stripe_server.advance(clock, START + 21 * DAY)
    scenes.use_card(client, customer, "pm_card_chargeCustomerFail")
    change: Any = {
        "items": [{"id": made["items"].data[0].id, "price": large}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }

    waiting = client.v1.subscriptions.update(made.id, change)
    scenes.use_card(client, customer, "pm_card_visa")
    assert waiting.pending_update
    assert waiting.pending_update.expires_at == START + 21 * DAY + 23 * 3600
    assert (waiting.status, waiting["items"].data[0].price.id) == ("active", small)
    client.v1.invoices.pay(str(waiting.latest_invoice))

    applied = get(client, made.id)
    assert (applied.pending_update, applied["items"].data[0].price.id) == (None, large)
    assert "customer.subscription.pending_update_applied" in scenes.kinds(client)


def test_a_pending_update_that_is_not_paid_is_dropped(stripe_server: StripeServer):
    client = stripe_server.client()
    small, large = scenes.price(client, 3100), scenes.price(client, 6200)
    made, customer, clock = scenes.subscribed(stripe_server, small)
    scenes.use_card(client, customer, "pm_card_chargeCustomerFail")
    change: Any = {
        "items": [{"id": made["items"].data[0].id, "price": large}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }
    waiting = client.v1.subscriptions.update(made.id, change)

    stripe_server.advance(clock, START + 2 * DAY)

    found = get(client, made.id)
    assert (found.status, found.pending_update, found["items"].data[0].price.id) == ("active", None, small)
    assert client.v1.invoices.retrieve(str(waiting.latest_invoice)).status == "void"


def test_a_schedule_changes_the_price_at_the_period_end_and_lets_go(stripe_server: StripeServer):
    client = stripe_server.client()
    large, small = scenes.price(client, 6200), scenes.price(client, 3100)
    made, _customer, clock = scenes.subscribed(stripe_server, large)
    schedule = client.v1.subscription_schedules.create({"from_subscription": made.id})
    phases: Any = [
        {"items": [{"price": large, "quantity": 1}], "start_date": START, "end_date": FEBRUARY},
        {"items": [{"price": small, "quantity": 1}], "duration": {"interval": "month", "interval_count": 1}},
    ]
    client.v1.subscription_schedules.update(schedule.id, {"phases": phases, "end_behavior": "release"})

    stripe_server.advance(clock, FEBRUARY + 3601)
    changed = get(client, made.id)
    stripe_server.advance(clock, START + 60 * DAY)

    assert changed["items"].data[0].price.id == small
    assert [each.total for each in invoices(client, made.id)] == [6200, 3100, 3100]
    assert get(client, made.id).schedule is None
    assert client.v1.subscription_schedules.retrieve(schedule.id).status == "released"


def test_a_changed_meter_price_bills_what_was_used_before_at_the_old_price(stripe_server: StripeServer):
    client = stripe_server.client()
    meter = scenes.meter(client)
    dear, cheap = (scenes.metered(client, meter, unit_amount_decimal=unit) for unit in ("10", "1"))
    made, customer, clock = scenes.subscribed(stripe_server, dear)
    scenes.use(client, customer, 100)
    stripe_server.advance(clock, START + 10 * DAY)
    client.v1.subscriptions.update(made.id, {"items": [{"id": made["items"].data[0].id, "price": cheap}]})
    scenes.use(client, customer, 50)

    stripe_server.advance(clock, FEBRUARY + 3601)

    assert invoices(client, made.id)[-1].total == 100 * 10 + 50
