"""What self tests set up again and again."""

from __future__ import annotations

from typing import Any

import stripe

from tests.stripe_server.fixture import StripeServer

START = 1767225600  # 2026-01-01T00:00:00Z
DAY = 86400
EARLIER: list[str] = []  # the newest event of what came before this test, when it runs against Stripe


def clock(client: stripe.StripeClient, at: int = START) -> str:
    return client.v1.test_helpers.test_clocks.create({"frozen_time": at}).id


def customer(client: stripe.StripeClient, card: str | None = "pm_card_visa", clock_id: str | None = None) -> str:
    """A customer whose default card is that of the name."""
    given: Any = {"email": "ana@example.com", "name": "Ana"}
    if clock_id:
        given["test_clock"] = clock_id
    made = client.v1.customers.create(given)
    if card:
        use_card(client, made.id, card)
    return made.id


def use_card(client: stripe.StripeClient, customer_id: str, card: str) -> str:
    """Attach a card and make it the default."""
    method = client.v1.payment_methods.attach(card, {"customer": customer_id})
    client.v1.customers.update(customer_id, {"invoice_settings": {"default_payment_method": method.id}})
    return method.id


def price(client: stripe.StripeClient, amount: int = 2900, currency: str = "eur", **fields: Any) -> str:
    """A monthly price of a product of its own."""
    product = client.v1.products.create({"name": "Bank API"})
    given: Any = {"product": product.id, "currency": currency, "recurring": {"interval": "month"}} | fields
    if "unit_amount_decimal" not in fields and "tiers" not in fields:
        given["unit_amount"] = amount
    return client.v1.prices.create(given).id


def meter(client: stripe.StripeClient, name: str = "bank-calls", formula: str = "sum") -> str:
    made = client.v1.billing.meters.create(
        {"display_name": "Calls", "event_name": name, "default_aggregation": {"formula": formula}}
    )
    return made.id


def metered(client: stripe.StripeClient, meter_id: str, currency: str = "eur", **fields: Any) -> str:
    """A monthly price of a meter."""
    recurring = {"interval": "month", "usage_type": "metered", "meter": meter_id}
    return price(client, currency=currency, recurring=recurring, **fields)


def use(client: stripe.StripeClient, customer_id: str, value: int, name: str = "bank-calls", **fields: Any) -> None:
    """Report usage."""
    payload = {"stripe_customer_id": customer_id, "value": str(value)}
    client.v1.billing.meter_events.create({"event_name": name, "payload": payload} | fields)  # type: ignore[arg-type]


def kinds(client: stripe.StripeClient, *prefixes: str) -> list[str]:
    """The types of the events of this test so far, oldest first."""
    since: Any = {"ending_before": EARLIER[-1]} if EARLIER else {}
    found = [event.type for event in client.v1.events.list({"limit": 100} | since).data][::-1]
    return [kind for kind in found if not prefixes or kind.startswith(prefixes)]


def subscribed(server: StripeServer, *prices: str, card: str = "pm_card_visa", **fields: Any) -> tuple[Any, str, str]:
    """A subscription on a test clock, its customer and its clock."""
    client = server.client()
    clock_id = clock(client)
    customer_id = customer(client, card, clock_id)
    items = [{"price": each} for each in prices]
    made = client.v1.subscriptions.create({"customer": customer_id, "items": items} | fields)  # type: ignore[arg-type]
    return made, customer_id, clock_id
