"""A payer on one of Stripe's test clocks lives in that clock's time: dunning too follows it, and nobody else's does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing import tasks
from apim.billing.catalogue import line_items
from apim.billing.clocks import time_of
from apim.billing.connection import Connection, account_of, require_connection
from apim.billing.driver import Object
from apim.billing.models import BillingSubscription, Customer, OutgoingUsage
from apim.billing.standing import OUR_ID, OUR_VERSION, sync_subscription
from apim.usage.models import UsageRollup
from tests.payments import Stripe
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db


def begin_on_clock(connection: Connection, subscription: Subscription, at: datetime | None = None) -> Object:
    """A test clock that stands at that moment, or at the present; the card of its payer will fail later."""
    driver = connection.driver
    frozen = int((at or timezone.now()).timestamp())
    clock = driver.make("test_helpers.test_clock", {"frozen_time": frozen}, key="clock")
    customer = driver.make("customer", {"test_clock": clock["id"], "name": "Eva"}, key="customer")
    account = account_of(connection)
    Customer.objects.create(
        organization=subscription.organization, mode="test", account_id=account, stripe_id=customer["id"]
    )
    _use_card(connection, customer["id"], "pm_card_visa")
    version = subscription.plan_version
    params: dict[str, Any] = {
        "customer": customer["id"],
        "items": line_items(connection, subscription.product, version),
        "metadata": {OUR_ID: subscription.id, OUR_VERSION: version.id},
    }
    made = driver.make("subscription", params, key="subscription")
    _use_card(connection, customer["id"], "pm_card_chargeCustomerFail")
    sync_subscription(connection, made["id"])
    return clock


def _use_card(connection: Connection, customer: str, name: str) -> None:
    method = connection.driver.act("payment_method", name, "attach", {"customer": customer})
    settings = {"invoice_settings": {"default_payment_method": method["id"]}}
    connection.driver.change("customer", customer, settings)


def advance(connection: Connection, clock: Object, to: int) -> None:
    """The clock stands at that moment, and all that falls due before has happened."""
    connection.driver.act("test_helpers.test_clock", clock["id"], "advance", {"frozen_time": to})
    wait_until(
        lambda: connection.driver.find("test_helpers.test_clock", clock["id"])["status"] == "ready",
        "the test clock has arrived",
    )


def test_dunning_follows_the_test_clock_of_the_payer(stripe_server: Stripe, waiting: Subscription) -> None:
    connection = require_connection()
    clock = begin_on_clock(connection, waiting)
    mirror = BillingSubscription.objects.get()
    assert (mirror.test_clock, mirror.status) == (clock["id"], "active")
    assert mirror.period_end is not None
    failed = mirror.period_end + timedelta(hours=2)
    for days, payment in ((0, "grace"), (8, "restricted"), (15, "suspended")):
        advance(connection, clock, int((failed + timedelta(days=days)).timestamp()))
        if not days:
            sync_subscription(connection, mirror.stripe_id)  # as the event of the failed payment does
        tasks.look_after_payments()
        waiting.refresh_from_db()
        assert waiting.payment == payment
    assert time_of(connection, clock["id"]) == (failed + timedelta(days=15)).replace(microsecond=0)


def test_usage_waits_until_the_test_clock_of_the_payer_has_come_to_it(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    connection = require_connection()
    began = timezone.now() - timedelta(hours=5)
    clock = begin_on_clock(connection, waiting, began)
    called(waiting, 7)
    tasks.tell_usage()
    assert OutgoingUsage.objects.get().state == "due"
    advance(connection, clock, int(timezone.now().timestamp()))
    tasks.tell_usage()
    assert OutgoingUsage.objects.get().state == "sent"


def called(subscription: Subscription, calls: int) -> None:
    """The subscription's applications have called so often in this hour."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    UsageRollup.objects.create(
        period="hour", at=hour, environment_id=subscription.environment_id, operation="GET /",
        subscription_id=subscription.id, status=200, calls=calls,
    )  # fmt: skip


def test_everybody_else_lives_in_our_time(stripe_server: Stripe, bought: Subscription) -> None:
    assert BillingSubscription.objects.get().test_clock == ""
    before = timezone.now()
    assert before <= time_of(require_connection(), "") <= timezone.now()
