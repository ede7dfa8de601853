"""Money for admins: connecting with a key that is checked, events that are replayed, more time for a payer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apim.access.models import Subscription
from apim.accounts.models import User
from apim.billing.connection import find_connection, require_connection
from apim.billing.models import BillingSubscription, StripeConnection, StripeEvent
from tests.conftest import LogIn
from tests.payments import SECRET, Stripe

pytestmark = pytest.mark.django_db

PAGE = "/console/admin/billing"


@pytest.fixture
def admins(log_in: LogIn, admin: User, settings: Settings) -> Client:
    return log_in(admin)


def test_before_it_is_connected_the_page_leads_to_connecting(admins: Client) -> None:
    text = admins.get(PAGE).content.decode()
    assert "Stripe is not connected" in text
    assert f"{PAGE}/connect" in text
    assert "/webhooks/stripe" in admins.get(f"{PAGE}/connect").content.decode()


def test_a_key_is_checked_kept_sealed_and_used(
    admins: Client,
    stripe_server: Stripe,
    settings: Settings,
) -> None:
    settings.STRIPE_API_KEY = ""
    key = stripe_server.control("keys")["key"]
    answer = admins.post(f"{PAGE}/connect", {"api_key": key, "webhook_secret": SECRET}, follow=True)
    assert "test mode" in answer.content.decode()
    row = StripeConnection.objects.get()
    assert (row.mode, row.faults, row.key_ending) == ("test", [], key[-4:])
    assert key.encode() not in bytes(row.sealed_api_key)
    connection = find_connection()
    assert connection is not None
    assert (connection.webhook_secret, connection.account) == (SECRET, row.account_id)
    assert key not in admins.get(PAGE).content.decode()
    admins.post(f"{PAGE}/disconnect")
    assert find_connection() is None


def test_a_key_that_may_do_too_little_is_told_what_in_plain_words(
    admins: Client,
    stripe_server: Stripe,
    settings: Settings,
) -> None:
    settings.STRIPE_API_KEY = ""
    key = stripe_server.control("keys", permissions=["rak_customer_write", "rak_product_write"])["key"]
    text = admins.post(f"{PAGE}/connect", {"api_key": key, "webhook_secret": SECRET}, follow=True).content.decode()
    assert "The key may not read or write Prices" in text
    assert "Customers: allow it" not in text


def test_a_key_that_stripe_does_not_know_or_that_is_none_is_refused(
    admins: Client,
    stripe_server: Stripe,
    settings: Settings,
) -> None:
    settings.STRIPE_API_KEY = ""
    for key in ("sk_test_nobody", "pk_test_public"):
        assert admins.post(f"{PAGE}/connect", {"api_key": key, "webhook_secret": SECRET}).status_code == 422
    assert not StripeConnection.objects.exists()


def test_the_test_of_events_says_when_one_has_arrived(
    admins: Client,
    stripe_server: Stripe,
) -> None:
    page = admins.post(f"{PAGE}/test")["Location"]
    assert "Waiting for the event" in admins.get(page).content.decode()
    stripe_server.deliver()
    assert "Events arrive" in admins.get(page).content.decode()
    assert not list(require_connection().driver.list("customer", {}))


def test_an_event_that_was_put_aside_is_shown_with_its_reason_and_applied_again(
    admins: Client,
    bought: Subscription,
) -> None:
    event = StripeEvent.objects.filter(type="invoice.paid").get()
    StripeEvent.objects.filter(pk=event.pk).update(state="dead", outcome="It is of nobody here.")
    assert "It is of nobody here." in admins.get(f"{PAGE}/events?state=dead").content.decode()
    admins.post(f"{PAGE}/events/{event.id}/replay")
    event.refresh_from_db()
    assert event.state == "stored"


def test_a_payer_is_given_more_time_with_a_reason(
    admins: Client,
    bought: Subscription,
) -> None:
    BillingSubscription.objects.update(unpaid_since=timezone.now() - timedelta(days=3))
    assert "Give more time" in admins.get(f"{PAGE}/dunning").content.decode()
    page = f"{PAGE}/subscriptions/{bought.id}/patience"
    assert admins.post(page, {"until": "2027-01-01T00:00"}).status_code == 422
    admins.post(page, {"until": "2027-01-01T00:00", "reason": "A bank holiday."})
    until = BillingSubscription.objects.get().grace_until
    assert until is not None
    assert until.year == 2027
