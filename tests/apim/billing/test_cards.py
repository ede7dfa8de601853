"""A new card of the payer takes the place of the one that was given at the checkout, and pays what is open."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.connection import require_connection
from apim.billing.models import BillingSubscription, Customer, Invoice, StripeEvent
from tests.payments import BROKEN_CARD, GOOD_CARD, Stripe, buy

pytestmark = pytest.mark.django_db


def save_card(stripe_server: Stripe, subscription: Subscription, number: str) -> None:
    """Give a new card on the hosted page of cards."""
    customer = Customer.objects.get(organization=subscription.organization)
    params = {"customer": customer.stripe_id, "return_url": "http://127.0.0.1:1/billing"}
    session = require_connection().driver.make(
        "billing_portal.session", params, key=f"portal:{number}:{timezone.now()}"
    )
    card = {"number": number, "expiry": "12 / 40", "cvc": "123", "name": "Eva Example"}
    assert stripe_server.submit(session["url"], **card) in (200, 303)
    for _ in range(2):  # the second time what the first one led to
        stripe_server.deliver()
    subscription.refresh_from_db()


def test_a_new_card_is_charged_for_what_runs_and_pays_what_is_open(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        bought = buy(stripe_server, waiting)
        mirror = BillingSubscription.objects.get()
        first = require_connection().driver.find("subscription", mirror.stripe_id)["default_payment_method"]
        save_card(stripe_server, bought, BROKEN_CARD)
        second = require_connection().driver.find("subscription", mirror.stripe_id)["default_payment_method"]
        assert second not in (first, "")
        assert mirror.period_end is not None
        clock.move_to(mirror.period_end + timedelta(hours=3))
        stripe_server.control("time", seconds=0)
        stripe_server.deliver()
        bought.refresh_from_db()
        assert (bought.payment, Invoice.objects.filter(status="open").count()) == ("grace", 1)

        save_card(stripe_server, bought, "4000000000000341")  # another broken one: the invoice stays open
        assert Invoice.objects.filter(status="open").exists()
        assert "still open" in StripeEvent.objects.filter(type="customer.updated").latest("created_at").outcome

        save_card(stripe_server, bought, GOOD_CARD)
        assert (bought.lifecycle, bought.payment) == ("active", "ok")
        assert not Invoice.objects.filter(status="open").exists()
        assert not StripeEvent.objects.exclude(state="applied").exists()


def test_other_changes_of_the_payer_move_no_card(stripe_server: Stripe, bought: Subscription) -> None:
    mirror = BillingSubscription.objects.get()
    driver = require_connection().driver
    before = driver.find("subscription", mirror.stripe_id)
    driver.change("customer", str(before["customer"]), {"name": "Another name"})
    stripe_server.deliver()
    assert driver.find("subscription", mirror.stripe_id)["default_payment_method"] == before["default_payment_method"]
    assert StripeEvent.objects.latest("received_at").outcome == "Nothing depends on it here."
