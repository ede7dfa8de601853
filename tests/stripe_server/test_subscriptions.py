"""Subscriptions: starts, trials, renewals, ends. Times are those of a test clock."""

from __future__ import annotations

from typing import Any

import pytest
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


def test_a_subscription_is_paid_at_once_and_tells_its_period(stripe_server: StripeServer):
    client = stripe_server.client()
    made, customer, _clock = scenes.subscribed(stripe_server, scenes.price(client))

    invoice = client.v1.invoices.retrieve(made.latest_invoice, {"expand": ["payments.data.payment.payment_intent"]})
    item = made["items"].data[0]

    assert made.status == "active"
    assert (item.current_period_start, item.current_period_end) == (START, FEBRUARY)
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 2900, "subscription_create")
    assert invoice.parent
    assert invoice.parent.subscription_details
    assert invoice.parent.subscription_details.subscription == made.id
    intent = invoice.payments.data[0].payment.payment_intent
    assert (intent.status, intent.amount_received) == ("succeeded", 2900)
    assert scenes.kinds(client, "customer.subscription", "invoice.") == [
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
        "customer.subscription.updated",
    ]
    assert client.v1.customers.retrieve(customer).currency == "eur"


def test_usage_is_billed_in_arrears_with_the_fee_of_the_next_period(stripe_server: StripeServer):
    """29 + 32,400 x 0.0004 = 41.96."""
    client = stripe_server.client()
    base = scenes.price(client)
    tiers = [{"up_to": 100000, "unit_amount": 0}, {"up_to": "inf", "unit_amount_decimal": "0.04"}]
    calls = scenes.metered(client, scenes.meter(client), billing_scheme="tiered", tiers_mode="graduated", tiers=tiers)
    made, customer, clock = scenes.subscribed(stripe_server, base, calls)
    stripe_server.advance(clock, START + 20 * DAY)
    scenes.use(client, customer, 100000)
    scenes.use(client, customer, 32400, timestamp=START + 10 * DAY)

    stripe_server.advance(clock, FEBRUARY + 60)
    draft = invoices(client, made.id)[-1]
    stripe_server.advance(clock, FEBRUARY + 3601)
    paid = client.v1.invoices.retrieve(draft.id)

    assert (draft.status, draft.automatically_finalizes_at) == ("draft", FEBRUARY + 3600)
    assert (paid.status, paid.total, paid.billing_reason) == ("paid", 4196, "subscription_cycle")
    assert sorted((line.quantity, line.amount) for line in paid.lines.data) == [(1, 2900), (32400, 1296), (100000, 0)]
    periods = {(line.period.start, line.period.end) for line in paid.lines.data if line.amount in {0, 1296}}
    assert periods == {(START, FEBRUARY)}


def test_an_invoice_brings_its_first_ten_lines_and_the_rest_by_page(stripe_server: StripeServer):
    client = stripe_server.client()
    made, customer, clock = scenes.subscribed(stripe_server, scenes.price(client))
    for number in range(12):
        client.v1.invoice_items.create({"customer": customer, "amount": number + 1, "currency": "eur"})
    stripe_server.advance(clock, FEBRUARY + 60)

    draft = invoices(client, made.id)[-1]
    rest = client.v1.invoices.line_items.list(draft.id, {"starting_after": draft.lines.data[-1].id})

    assert (len(draft.lines.data), draft.lines.has_more) == (10, True)
    assert (len(rest.data), rest.has_more) == (3, False)
    assert draft.total == sum(line.amount for line in [*draft.lines.data, *rest.data]) == 2900 + 78


def test_usage_that_comes_while_the_invoice_is_a_draft_is_still_on_it(stripe_server: StripeServer):
    client = stripe_server.client()
    calls = scenes.metered(client, scenes.meter(client), unit_amount_decimal="1")
    made, customer, clock = scenes.subscribed(stripe_server, calls)
    stripe_server.advance(clock, FEBRUARY + 60)
    scenes.use(client, customer, 1000, timestamp=FEBRUARY - 1)
    scenes.use(client, customer, 5000, timestamp=FEBRUARY + 1)

    stripe_server.advance(clock, FEBRUARY + 3601)

    assert invoices(client, made.id)[-1].total == 1000


def test_a_trial_warns_three_days_before_and_then_bills(stripe_server: StripeServer):
    client = stripe_server.client()
    made, _customer, clock = scenes.subscribed(stripe_server, scenes.price(client), trial_period_days=14)
    assert (made.status, made.trial_end) == ("trialing", START + 14 * DAY)
    assert invoices(client, made.id)[0].total == 0

    stripe_server.advance(clock, START + 11 * DAY)
    assert scenes.kinds(client, "customer.subscription.trial") == ["customer.subscription.trial_will_end"]
    stripe_server.advance(clock, START + 14 * DAY + 3601)

    assert get(client, made.id).status == "active"
    assert [(each.status, each.total) for each in invoices(client, made.id)] == [("paid", 0), ("paid", 2900)]


@pytest.mark.parametrize(
    ("behavior", "status", "event"),
    [("pause", "paused", "customer.subscription.paused"), ("cancel", "canceled", "customer.subscription.deleted")],
)
def test_a_trial_without_a_card_ends_as_was_agreed(stripe_server: StripeServer, behavior: str, status: str, event: str):
    client = stripe_server.client()
    settings = {"end_behavior": {"missing_payment_method": behavior}}
    made, _customer, clock = scenes.subscribed(
        stripe_server, scenes.price(client), card="", trial_period_days=14, trial_settings=settings
    )
    assert made.pending_setup_intent

    stripe_server.advance(clock, START + 15 * DAY)

    assert get(client, made.id).status == status
    assert event in scenes.kinds(client)
    assert len(invoices(client, made.id)) == 1


def test_a_paused_subscription_is_resumed_when_its_invoice_is_paid(stripe_server: StripeServer):
    client = stripe_server.client()
    settings = {"end_behavior": {"missing_payment_method": "pause"}}
    made, customer, clock = scenes.subscribed(
        stripe_server, scenes.price(client), card="", trial_period_days=14, trial_settings=settings
    )
    stripe_server.advance(clock, START + 15 * DAY)
    scenes.use_card(client, customer, "pm_card_visa")

    client.v1.subscriptions.resume(made.id, {"billing_cycle_anchor": {"type": "now"}})

    found = get(client, made.id)
    assert (found.status, found.billing_cycle_anchor) == ("active", START + 15 * DAY)
    assert "customer.subscription.resumed" in scenes.kinds(client)
    assert invoices(client, made.id)[-1].amount_paid == 2900


def test_cancelling_at_the_period_end_bills_the_last_usage_and_can_be_taken_back(stripe_server: StripeServer):
    client = stripe_server.client()
    calls = scenes.metered(client, scenes.meter(client), unit_amount_decimal="1")
    made, customer, clock = scenes.subscribed(stripe_server, scenes.price(client), calls)
    scenes.use(client, customer, 700)
    first = client.v1.subscriptions.update(made.id, {"cancel_at_period_end": True})
    assert first.cancel_at == FEBRUARY
    assert client.v1.subscriptions.update(made.id, {"cancel_at_period_end": False}).cancel_at is None
    client.v1.subscriptions.update(made.id, {"cancel_at_period_end": True})

    stripe_server.advance(clock, FEBRUARY + 7200)

    found = get(client, made.id)
    assert (found.status, found.ended_at) == ("canceled", FEBRUARY)
    assert [(each.status, each.total) for each in invoices(client, made.id)] == [("paid", 2900), ("paid", 700)]
    with pytest.raises(stripe.InvalidRequestError, match="canceled subscription can only update"):
        client.v1.subscriptions.update(made.id, {"cancel_at_period_end": False})


def test_cancelling_now_credits_and_bills_when_asked(stripe_server: StripeServer):
    client = stripe_server.client()
    made, customer, clock = scenes.subscribed(stripe_server, scenes.price(client, 3100))
    stripe_server.advance(clock, START + 21 * DAY)

    client.v1.subscriptions.cancel(made.id, {"prorate": True, "invoice_now": True})

    assert invoices(client, made.id)[-1].total == -1000
    assert client.v1.customers.retrieve(customer).balance == -1000


def test_the_end_of_a_month_comes_back_after_a_shorter_one(stripe_server: StripeServer):
    client = stripe_server.client()
    clock = scenes.clock(client, START + 30 * DAY)  # 31 January
    customer = scenes.customer(client, clock_id=clock)
    made = client.v1.subscriptions.create({"customer": customer, "items": [{"price": scenes.price(client)}]})

    ends = [made["items"].data[0].current_period_end]
    stripe_server.advance(clock, START + 62 * DAY)
    ends.append(get(client, made.id)["items"].data[0].current_period_end)

    assert ends == [START + 58 * DAY, START + 89 * DAY]  # 28 February, 31 March


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([{"price": "price_none"}], "No such price: 'price_none'"),
        ([{"price": "metered", "quantity": 1}], "Quantity should not be specified where usage_type is `metered`"),
        ([{"price": "base"}, {"price": "yen"}], "only supports"),
        ([{"price": "base"}, {"price": "base"}], "same plan"),
        ([{"price": "once"}], "only accepts prices with `type=recurring`"),
        ([{"price": "archived"}], "inactive"),
    ],
    ids=["unknown", "metered-quantity", "currencies", "twice", "one-time", "archived"],
)
def test_items_that_do_not_fit_are_refused(stripe_server: StripeServer, items: list[Any], message: str):
    client = stripe_server.client()
    product = client.v1.products.create({"name": "Set-up"}).id
    known = {
        "base": scenes.price(client),
        "yen": scenes.price(client, 300, "jpy"),
        "metered": scenes.metered(client, scenes.meter(client), unit_amount_decimal="1"),
        "once": client.v1.prices.create({"product": product, "currency": "eur", "unit_amount": 100}).id,
        "archived": scenes.price(client),
    }
    client.v1.prices.update(known["archived"], {"active": False})
    wanted = [item | {"price": known.get(item["price"], item["price"])} for item in items]

    with pytest.raises(stripe.InvalidRequestError, match=message):
        client.v1.subscriptions.create({"customer": scenes.customer(client), "items": wanted})


def test_a_customer_without_a_card_cannot_subscribe_to_what_costs(stripe_server: StripeServer):
    client = stripe_server.client()
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        scenes.subscribed(stripe_server, scenes.price(client), card="")
    assert client.v1.subscriptions.list({"status": "all"}).data == []
