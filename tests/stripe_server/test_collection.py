"""Collecting money: failures, retries, dunning, recovery, credit notes, refunds, balances."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.stripe_server import scenes
from tests.stripe_server.fixture import StripeServer
from tests.stripe_server.scenes import DAY, START

FEBRUARY = START + 31 * DAY


def failing(server: StripeServer) -> tuple[Any, str, str]:
    """A subscription whose first renewal failed."""
    client = server.client()
    made, customer, clock = scenes.subscribed(server, scenes.price(client))
    scenes.use_card(client, customer, "pm_card_chargeCustomerFail")
    server.advance(clock, FEBRUARY + 3600)
    return client.v1.subscriptions.retrieve(made.id, {"expand": ["latest_invoice"]}), customer, clock


def test_a_failed_renewal_is_past_due_and_has_a_next_attempt(stripe_server: StripeServer):
    found, customer, _clock = failing(stripe_server)
    invoice = found.latest_invoice

    assert stripe_server.client().v1.customers.retrieve(customer).delinquent

    assert found.status == "past_due"
    assert (invoice.status, invoice.attempt_count) == ("open", 1)
    assert invoice.next_payment_attempt == FEBRUARY + 3600 + DAY
    kinds = scenes.kinds(stripe_server.client())
    assert {"invoice.payment_failed", "charge.failed", "payment_intent.payment_failed"} <= set(kinds)


@pytest.mark.parametrize(
    ("setting", "status"), [("unpaid", "unpaid"), ("cancel", "canceled"), ("past_due", "past_due")]
)
def test_after_the_last_retry_the_accounts_setting_decides(stripe_server: StripeServer, setting: str, status: str):
    stripe_server.control("POST", "settings", after_retries=setting)
    client = stripe_server.client()
    found, _customer, clock = failing(stripe_server)

    stripe_server.advance(clock, FEBRUARY + 15 * DAY)

    invoice = client.v1.invoices.retrieve(found.latest_invoice.id)
    assert client.v1.subscriptions.retrieve(found.id).status == status
    assert (invoice.attempt_count, invoice.next_payment_attempt) == (9, None)


def test_a_new_card_that_pays_restores_the_subscription(stripe_server: StripeServer):
    client = stripe_server.client()
    found, customer, clock = failing(stripe_server)
    stripe_server.advance(clock, FEBRUARY + 15 * DAY)
    scenes.use_card(client, customer, "pm_card_visa")

    client.v1.invoices.pay(found.latest_invoice.id)

    assert client.v1.subscriptions.retrieve(found.id).status == "active"
    assert client.v1.invoices.retrieve(found.latest_invoice.id).amount_remaining == 0


def test_a_retry_takes_the_new_default_card(stripe_server: StripeServer):
    client = stripe_server.client()
    found, customer, clock = failing(stripe_server)
    scenes.use_card(client, customer, "pm_card_visa")

    stripe_server.advance(clock, FEBRUARY + 2 * DAY)

    assert client.v1.subscriptions.retrieve(found.id).status == "active"


def test_a_first_payment_that_fails_leaves_the_subscription_incomplete_and_then_expired(stripe_server: StripeServer):
    client = stripe_server.client()
    made, _customer, clock = scenes.subscribed(stripe_server, scenes.price(client), card="pm_card_chargeCustomerFail")
    assert made.status == "incomplete"

    stripe_server.advance(clock, START + DAY)

    assert client.v1.subscriptions.retrieve(made.id).status == "incomplete_expired"
    assert client.v1.invoices.retrieve(made.latest_invoice).status == "void"


def test_error_if_incomplete_leaves_nothing(stripe_server: StripeServer):
    client = stripe_server.client()
    with pytest.raises(stripe.CardError, match="declined") as caught:
        scenes.subscribed(
            stripe_server,
            scenes.price(client),
            card="pm_card_chargeCustomerFail",
            payment_behavior="error_if_incomplete",
        )
    assert (caught.value.http_status, caught.value.code) == (402, "card_declined")
    assert client.v1.subscriptions.list({"status": "all"}).data == []
    assert client.v1.invoices.list().data == []


def test_default_incomplete_waits_for_the_payment_to_be_confirmed(stripe_server: StripeServer):
    client = stripe_server.client()
    made, _customer, _clock = scenes.subscribed(
        stripe_server,
        scenes.price(client),
        payment_behavior="default_incomplete",
        payment_settings={"save_default_payment_method": "on_subscription"},
        expand=["latest_invoice.confirmation_secret"],
    )
    intent = made.latest_invoice.confirmation_secret.client_secret.split("_secret_")[0]

    client.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_mastercard"})

    found = client.v1.subscriptions.retrieve(made.id, {"expand": ["default_payment_method"]})
    assert (made.status, found.status) == ("incomplete", "active")
    assert found.default_payment_method.card.brand == "mastercard"  # type: ignore[union-attr]


def test_a_card_that_asks_for_its_holder_needs_action_off_session(stripe_server: StripeServer):
    client = stripe_server.client()
    made, customer, clock = scenes.subscribed(stripe_server, scenes.price(client))
    scenes.use_card(client, customer, "pm_card_authenticationRequired")
    stripe_server.advance(clock, FEBRUARY + 3600)

    assert client.v1.subscriptions.retrieve(made.id).status == "past_due"
    assert "invoice.payment_action_required" in scenes.kinds(client)


def test_an_unpaid_subscription_gets_drafts_that_are_not_collected(stripe_server: StripeServer):
    client = stripe_server.client()
    found, _customer, clock = failing(stripe_server)
    stripe_server.advance(clock, FEBRUARY + 15 * DAY)
    stripe_server.advance(clock, START + 60 * DAY)

    latest = client.v1.invoices.list({"subscription": found.id}).data[0]
    assert (latest.status, latest.auto_advance) == ("draft", False)


def test_a_credit_note_before_payment_lowers_what_is_due(stripe_server: StripeServer):
    client = stripe_server.client()
    found, _customer, _clock = failing(stripe_server)
    invoice = found.latest_invoice.id

    note = client.v1.credit_notes.create({"invoice": invoice, "amount": 900, "reason": "order_change"})
    assert (note.pre_payment_amount, client.v1.invoices.retrieve(invoice).amount_remaining) == (900, 2000)
    client.v1.credit_notes.create({"invoice": invoice, "amount": 2000})

    assert client.v1.invoices.retrieve(invoice).status == "paid"
    assert client.v1.subscriptions.retrieve(found.id).status == "active"
    with pytest.raises(stripe.InvalidRequestError, match="greater than what is left"):
        client.v1.credit_notes.create({"invoice": invoice, "amount": 1})


def test_a_credit_note_after_payment_is_refunded_and_credited(stripe_server: StripeServer):
    client = stripe_server.client()
    made, customer, _clock = scenes.subscribed(stripe_server, scenes.price(client))
    line = client.v1.invoices.retrieve(made.latest_invoice).lines.data[0]
    wanted: Any = {"invoice": made.latest_invoice, "refund_amount": 400, "credit_amount": 600}
    wanted["lines"] = [{"type": "invoice_line_item", "invoice_line_item": line.id, "amount": 1000}]

    with pytest.raises(stripe.InvalidRequestError, match="must equal the credit note amount"):
        client.v1.credit_notes.create(wanted | {"credit_amount": 500})
    note = client.v1.credit_notes.create(wanted)

    assert (note.total, note.post_payment_amount, note.refunds[0].amount_refunded) == (1000, 1000, 400)
    assert client.v1.customers.retrieve(customer).balance == -600
    charge = client.v1.charges.list({"customer": customer}).data[0]
    assert (charge.amount_refunded, charge.refunded) == (400, False)


def test_a_credit_is_used_by_the_next_invoice(stripe_server: StripeServer):
    client = stripe_server.client()
    made, customer, clock = scenes.subscribed(stripe_server, scenes.price(client))
    client.v1.customers.balance_transactions.create(customer, {"amount": -1000, "currency": "eur"})

    stripe_server.advance(clock, FEBRUARY + 3601)

    invoice = client.v1.invoices.list({"subscription": made.id}).data[0]
    assert (invoice.total, invoice.amount_due, invoice.starting_balance, invoice.ending_balance) == (
        2900,
        1900,
        -1000,
        0,
    )


def test_an_amount_too_small_to_charge_is_carried_over(stripe_server: StripeServer):
    client = stripe_server.client()
    made, customer, _clock = scenes.subscribed(stripe_server, scenes.price(client, 30))

    assert client.v1.invoices.retrieve(made.latest_invoice).amount_due == 0
    assert client.v1.customers.retrieve(customer).balance == 30


def test_refunds_give_back_once(stripe_server: StripeServer):
    client = stripe_server.client()
    customer = scenes.customer(client)
    method = client.v1.customers.payment_methods.list(customer).data[0].id
    intent = client.v1.payment_intents.create(
        {"amount": 5000, "currency": "eur", "customer": customer, "payment_method": method, "confirm": True,
         "off_session": True}
    )  # fmt: skip

    client.v1.refunds.create({"payment_intent": intent.id, "amount": 2000})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 3001})
    client.v1.refunds.create({"payment_intent": intent.id, "reason": "requested_by_customer"})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.refunds.create({"payment_intent": intent.id})

    assert caught.value.code == "charge_already_refunded"
    assert scenes.kinds(client, "charge.refunded", "refund") == ["refund.created", "charge.refunded"] * 2


def test_invoices_by_hand_go_from_draft_to_their_end(stripe_server: StripeServer):
    client = stripe_server.client()
    customer = scenes.customer(client)
    invoice = client.v1.invoices.create({"customer": customer, "currency": "kwd", "auto_advance": False})
    client.v1.invoice_items.create({"customer": customer, "invoice": invoice.id, "amount": 5550, "currency": "kwd"})

    client.v1.invoices.finalize_invoice(invoice.id)
    client.v1.invoices.mark_uncollectible(invoice.id)
    paid = client.v1.invoices.pay(invoice.id)

    assert (paid.status, paid.amount_paid) == ("paid", 5550)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.void_invoice(invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match="divisible by 10"):
        client.v1.invoice_items.create({"customer": customer, "amount": 5555, "currency": "kwd"})


def test_a_disputed_charge_can_be_won(stripe_server: StripeServer):
    client = stripe_server.client()
    made, _customer, _clock = scenes.subscribed(stripe_server, scenes.price(client), card="pm_card_createDispute")
    assert made.status == "active"
    dispute = client.v1.disputes.list().data[0]
    assert (dispute.amount, dispute.status) == (2900, "needs_response")

    won = client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})

    assert won.status == "won"
    assert scenes.kinds(client, "charge.dispute") == ["charge.dispute.created", "charge.dispute.closed"]


def test_an_invoice_that_is_sent_is_overdue_after_its_day(stripe_server: StripeServer):
    client = stripe_server.client()
    made, _customer, clock = scenes.subscribed(
        stripe_server, scenes.price(client), card="", collection_method="send_invoice", days_until_due=7
    )
    invoice = client.v1.invoices.retrieve(made.latest_invoice)
    assert (made.status, invoice.status, invoice.due_date) == ("active", "open", START + 7 * DAY)

    stripe_server.advance(clock, START + 8 * DAY)
    overdue = client.v1.subscriptions.retrieve(made.id).status
    client.v1.invoices.pay(invoice.id, {"paid_out_of_band": True})

    assert (overdue, client.v1.subscriptions.retrieve(made.id).status) == ("past_due", "active")
    assert "invoice.overdue" in scenes.kinds(client)


@pytest.mark.parametrize(("behavior", "status"), [("void", "void"), ("keep_as_draft", "draft")])
def test_paused_collection_does_with_invoices_as_told(stripe_server: StripeServer, behavior: Any, status: str):
    client = stripe_server.client()
    made, _customer, clock = scenes.subscribed(stripe_server, scenes.price(client))
    client.v1.subscriptions.update(made.id, {"pause_collection": {"behavior": behavior}})

    stripe_server.advance(clock, FEBRUARY + 3601)

    assert client.v1.subscriptions.retrieve(made.id).status == "active"
    assert client.v1.invoices.list({"subscription": made.id}).data[0].status == status
