"""From test money to real money, or to another account: what was bought before is named, then ended or paid again."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from apim.access.models import Subscription
from apim.accounts.models import User
from apim.billing.catalogue import line_items
from apim.billing.connection import connect_stripe, require_connection
from apim.billing.customers import ensure_customer, find_customer
from apim.billing.leaving import left_behind, settle_left_behind
from apim.billing.models import BillingSubscription, CatalogueEntry, Customer
from apim.notifications.models import Message
from tests.conftest import LogIn
from tests.factories.accounts import TESTER, member
from tests.payments import SECRET, Stripe, buy
from tests.stripe_server.keys import LIVE_KEY, TEST_KEY

pytestmark = pytest.mark.django_db

PAGE = "/console/admin/billing/left-behind"


@pytest.fixture
def connected(stripe_server: Stripe, settings: Settings) -> Stripe:
    """Connected by the console, with test money."""
    settings.STRIPE_API_KEY = ""
    connect_stripe(api_key=TEST_KEY, webhook_secret=SECRET, by=TESTER)
    return stripe_server


def test_what_was_bought_with_test_money_is_named_before_the_switch_and_ended_by_an_act(
    connected: Stripe, waiting: Subscription, log_in: LogIn, admin: User
) -> None:
    bought = buy(connected, waiting)
    stripe_id = BillingSubscription.objects.get().stripe_id
    client = log_in(admin)
    connect = "/console/admin/billing/connect"
    assert f"{bought.organization}: {bought.product}" in client.get(connect).content.decode()
    answer = client.post(connect, {"api_key": LIVE_KEY, "webhook_secret": SECRET})
    assert answer["Location"] == PAGE
    bought.refresh_from_db()
    assert bought.lifecycle == "active"  # nothing happens by itself
    assert "1 in force and charged by nobody" in client.get("/console/admin/billing").content.decode()
    assert "bought in test mode" in client.get(PAGE).content.decode()
    assert client.post(PAGE, {}).status_code == 422
    client.post(PAGE, {"act": "end"})
    bought.refresh_from_db()
    assert (bought.lifecycle, bought.reason) == ("ended", "It was bought in test mode, which is not used any more.")
    assert "Nothing is left" in client.get(PAGE).content.decode()
    connect_stripe(api_key=TEST_KEY, webhook_secret=SECRET, by=TESTER)
    assert require_connection().driver.find("subscription", stripe_id)["status"] == "canceled"


def test_what_was_bought_before_can_be_paid_again_with_keys_kept(
    connected: Stripe, waiting: Subscription, log_in: LogIn, admin: User
) -> None:
    payer = member(waiting.organization)
    bought = buy(connected, waiting)
    connect_stripe(api_key=LIVE_KEY, webhook_secret=SECRET, by=TESTER)
    log_in(admin).post(PAGE, {"act": "pay-again"})
    bought.refresh_from_db()
    assert (bought.lifecycle, bought.payment, bought.awaits_payment) == ("pending", "none", True)
    mirror = BillingSubscription.objects.get()
    assert (mirror.mode, mirror.stripe_id, mirror.status) == ("live", "", "")
    assert f"/my/subscriptions/{bought.id}/pay" in Message.objects.get(to=payer.email).body


def test_another_account_of_the_same_mode_has_customers_and_prices_of_its_own(
    connected: Stripe, waiting: Subscription
) -> None:
    bought = buy(connected, waiting)
    for model in (Customer, CatalogueEntry, BillingSubscription):
        model.objects.update(account_id="acct_before")
    Customer.objects.update(stripe_id="cus_before")
    CatalogueEntry.objects.update(stripe_id="price_before")
    connection = require_connection()
    assert [each.subscription_id for each in left_behind(connection)] == [bought.id]
    assert ensure_customer(connection, bought.organization) != "cus_before"
    items = line_items(connection, bought.product, bought.plan_version)
    assert all(item["price"] != "price_before" for item in items)
    made = settle_left_behind(connection=connection, act="end", by=TESTER)
    assert made[0] == 1
    assert "its key is not here any more" in made[1][0]
    assert not left_behind(connection).exists()


def test_a_customer_of_an_account_that_was_not_known_is_taken_over(connected: Stripe, waiting: Subscription) -> None:
    buy(connected, waiting)
    Customer.objects.update(account_id="")
    found = find_customer(require_connection(), waiting.organization)
    assert found is not None
    assert found.account_id == require_connection().account
    Customer.objects.update(account_id="", stripe_id="cus_of_another")
    assert find_customer(require_connection(), waiting.organization) is None
