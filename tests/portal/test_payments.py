"""Buying in the portal: from choosing a plan with prices to a key that works, and what is shown of money after it."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.access.models import Subscription
from apim.accounts.models import Organization, User
from apim.billing.models import BillingSubscription, Customer
from apim.products.models import PlanVersion, Product
from tests.conftest import LogIn
from tests.payments import GOOD_CARD, PRICING, Stripe

pytestmark = pytest.mark.django_db

ACCESS = "/products/bank-payments/access"


def choose(client: Client) -> Subscription:
    """The subscription of who chose the plan with prices."""
    answer = client.post(ACCESS, {"plan": "starter", "application": "new", "new_name": "My first app"}, follow=True)
    subscription = Subscription.objects.get()
    assert answer.redirect_chain[-1][0] == f"/my/subscriptions/{subscription.id}/pay"
    return subscription


def test_who_chooses_a_plan_with_prices_pays_and_then_calls(
    log_in: LogIn,
    developer: User,
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
) -> None:
    client = log_in(developer)
    assert "Payments are not set up yet" not in client.get(ACCESS).content.decode()
    subscription = choose(client)
    pay, paid, shown = (f"/my/subscriptions/{subscription.id}{end}" for end in ("/pay", "/paid", ""))
    page = client.get(pay)
    assert "from 29.00 EUR a month" in page.content.decode()
    assert (
        f"form-action 'self' https://checkout.stripe.com https://billing.stripe.com {stripe_server.address};"
        in (page["Content-Security-Policy"])
    )
    hosted = client.post(pay)
    assert hosted.status_code == 302
    assert hosted["Location"].startswith(f"{stripe_server.address}/c/pay/")

    waiting = client.get(paid).content.decode()
    assert "This page goes on by itself" in waiting  # coming back proves nothing
    assert stripe_server.pay(hosted["Location"], GOOD_CARD) in (200, 303)
    stripe_server.deliver()
    assert client.get(paid)["Location"] == ACCESS
    subscription.refresh_from_db()
    assert (subscription.lifecycle, subscription.payment) == ("active", "ok")
    assert client.get(ACCESS).status_code == 200

    text = client.get(shown).content.decode()
    assert "29.00 EUR" in text
    assert 'aria-current="step"><strong>In force</strong>' in text
    assert "29.00 EUR" in client.get("/my/billing").content.decode()
    cards = client.post("/my/billing")
    assert cards["Location"].startswith(f"{stripe_server.address}/p/session/")

    client.post(f"{shown}/cancel", {"when": "month"})
    subscription.refresh_from_db()
    assert subscription.lifecycle == "canceled"
    client.post(f"{shown}/keep")
    subscription.refresh_from_db()
    assert (subscription.lifecycle, subscription.ends_at) == ("active", None)


def test_who_begins_with_a_trial_is_not_told_to_pay_now(
    log_in: LogIn,
    developer: User,
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
) -> None:
    trial = {"days": 14, "paymentMethod": "not-required", "onEndWithoutCard": "pause"}
    PlanVersion.objects.update(pricing=PRICING | {"trial": trial})
    client = log_in(developer)
    page = client.get(f"/my/subscriptions/{choose(client).id}/pay").content.decode()
    assert "pay nothing before it ends" in page
    assert "Go to the trial" in page
    assert "a moment after the payment" not in page


def test_a_payment_whose_events_never_come_is_found_on_the_way_back(
    log_in: LogIn,
    developer: User,
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
) -> None:
    client = log_in(developer)
    subscription = choose(client)
    hosted = client.post(f"/my/subscriptions/{subscription.id}/pay")
    stripe_server.pay(hosted["Location"])
    assert client.get(f"/my/subscriptions/{subscription.id}/paid")["Location"] == ACCESS


def test_who_withdraws_cannot_buy_it_any_more(
    log_in: LogIn,
    developer: User,
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
) -> None:
    client = log_in(developer)
    subscription = choose(client)
    hosted = client.post(f"/my/subscriptions/{subscription.id}/pay")
    client.post(f"/my/subscriptions/{subscription.id}/cancel")
    subscription.refresh_from_db()
    assert subscription.lifecycle == "ended"
    assert stripe_server.pay(hosted["Location"]) not in (200, 303)


def test_a_provider_that_is_down_is_said_where_one_wanted_to_pay(
    log_in: LogIn,
    developer: User,
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
) -> None:
    client = log_in(developer)
    subscription = choose(client)
    stripe_server.control("faults", kind="error", status=503, times=50)
    refused = client.post(f"/my/subscriptions/{subscription.id}/pay")
    assert refused.status_code == 422
    assert "Stripe says" in refused.content.decode()


def test_before_the_first_purchase_the_page_of_billing_says_so(
    log_in: LogIn, developer: User, initech: Organization
) -> None:
    client = log_in(developer)
    assert "No invoice yet" in client.get("/my/billing").content.decode()
    assert client.post("/my/billing").status_code == 422


def test_a_trial_that_paused_has_one_action_and_says_that_it_is_a_trial(
    log_in: LogIn,
    developer: User,
    initech: Organization,
    product: Product,
    stripe_server: Stripe,
) -> None:
    client = log_in(developer)
    subscription = choose(client)
    pay, paid, shown, card = (f"/my/subscriptions/{subscription.id}{end}" for end in ("/pay", "/paid", "", "/card"))
    assert client.get(card)["Location"] == shown  # nothing was bought yet
    stripe_server.pay(client.post(pay)["Location"], GOOD_CARD)
    stripe_server.deliver()
    assert "There is no card any more" not in client.get(shown).content.decode()
    Customer.objects.update(has_card=False)
    assert "There is no card any more" in client.get(shown).content.decode()

    BillingSubscription.objects.update(status="trialing")
    told = client.get(paid, HTTP_HX_REQUEST="true").content.decode()
    assert "Your trial has begun" in told
    assert ">Paid<" not in told

    Subscription.objects.update(lifecycle="paused", reason="The trial ended without a payment method.")
    BillingSubscription.objects.update(status="paused", is_pausing=True)
    text = client.get(shown).content.decode()
    actions = text[text.index("Add a card") - 400 : text.index("Add a card") + 200]
    assert card in actions
    assert f"{shown}/cancel" not in text
    assert f"{shown}/switch" not in text
    assert "the first period is charged at once" in client.get(card).content.decode()
    assert client.post(card)["Location"].startswith(f"{stripe_server.address}/p/session/")
