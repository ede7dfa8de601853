"""Ending over REST what Stripe bills: who subscribed leaves the rest of the period, who takes it away gives it back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apim.access.models import Subscription
from apim.access.services import end_subscription
from apim.accounts.models import User
from apim.accounts.services import actor_of
from apim.billing import tasks
from apim.billing.checkout import open_checkout
from apim.billing.connection import require_connection
from apim.billing.models import BillingAlarm, BillingSubscription
from tests.apim.api.conftest import token_of
from tests.factories.accounts import TESTER, member
from tests.payments import Stripe
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


def cancel(subscription: Subscription, user: User) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token_of(user, ())}")
    answer = client.post(f"/api/v1/subscriptions/{subscription.id}/cancel", {}, format="json")
    assert (answer.status_code, answer.json()["lifecycle"]) == (200, "ended"), answer.content


def credited() -> int:
    """What of the flat price Stripe gives back, in minor units."""
    invoices = require_connection().driver.list("invoice", {})
    lines = [line for invoice in invoices for line in invoice["lines"]["data"]]
    return -sum(line["amount"] for line in lines if line["amount"] < 0)


def test_who_subscribed_ends_it_at_stripe_at_once_and_is_credited_nothing(
    stripe_server: Stripe, bought: Subscription
) -> None:
    cancel(bought, member(bought.organization))
    stripe_id = BillingSubscription.objects.get().stripe_id
    assert require_connection().driver.find("subscription", stripe_id)["status"] == "canceled"
    tasks.look_after_payments()
    assert credited() == 0


def test_what_an_owner_takes_away_is_credited(stripe_server: Stripe, bought: Subscription) -> None:
    bought_at = BillingSubscription.objects.get().started_at
    assert bought_at is not None
    over_at = bought_at + timedelta(seconds=1)  # in the second of the end a payment counts as too late
    wait_until(lambda: timezone.now() > over_at, "the second of the purchase is over")
    cancel(bought, member(bought.product.organization, role="owner"))
    tasks.look_after_payments()
    assert BillingSubscription.objects.get().status == "canceled"
    assert 0 < credited() <= 2900
    assert not BillingAlarm.objects.exists()  # so that nobody refunds it as well


def test_what_is_paid_after_an_owner_ended_it_is_refunded_whole_and_not_credited_as_well(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    url = open_checkout(subscription=waiting, return_url="http://a/", cancel_url="http://a/", by=TESTER)
    end_subscription(subscription=waiting, by=actor_of(member(waiting.product.organization, role="owner")))
    assert stripe_server.pay(url) in (200, 303)
    tasks.look_after_payments()
    stripe_server.deliver()
    tasks.look_after_payments()
    assert BillingSubscription.objects.get().status == "canceled"
    assert BillingAlarm.objects.get().kind == BillingAlarm.Kind.PAID_TOO_LATE
    assert credited() == 0
