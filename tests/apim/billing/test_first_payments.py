"""What becomes of a free plan while the first payment of a dearer one is open, and of debts that are written off."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.billing.catalogue import line_items
from apim.billing.connection import require_connection
from apim.billing.customers import ensure_customer
from apim.billing.models import BillingSubscription
from apim.products.models import Product
from tests.factories import products
from tests.factories.accounts import TESTER
from tests.payments import BROKEN_CARD, Stripe, buy
from tests.switching import use_card

pytestmark = pytest.mark.django_db


@pytest.fixture
def upgrading(waiting: Subscription, product: Product) -> Subscription:
    """A free plan in force, and a wish for one with prices."""
    free = products.plan(organization=product.organization, name="free")
    product.plans.add(free)
    application = waiting.applications.get()
    paid = product.plans.get(name="starter")
    subscribe(application=application, product=product, plan=free, by=TESTER)
    wish = subscribe(application=application, product=product, plan=paid, by=TESTER, is_checkout=True)
    assert (wish.lifecycle, wish.awaits_payment) == ("active", True)
    return wish


def begin_incomplete(subscription: Subscription) -> str:
    """A purchase at Stripe whose first invoice waits to be paid."""
    connection = require_connection()
    version = subscription.requested_plan_version
    assert version is not None
    params = {
        "customer": ensure_customer(connection, subscription.organization),
        "items": line_items(connection, subscription.product, version),
        "payment_behavior": "default_incomplete",
        "metadata": {"apim_subscription": subscription.id, "apim_plan_version": version.id},
    }
    return str(connection.driver.make("subscription", params, key="of-a-test")["id"])


def test_a_free_plan_goes_on_until_the_dearer_one_is_paid(stripe_server: Stripe, upgrading: Subscription) -> None:
    stripe_id = begin_incomplete(upgrading)
    stripe_server.deliver()
    upgrading.refresh_from_db()
    assert (upgrading.lifecycle, upgrading.awaits_payment) == ("active", True)
    assert upgrading.plan_version.plan.name == "free"
    driver = require_connection().driver
    latest = driver.find("invoice", str(driver.find("subscription", stripe_id)["latest_invoice"]))
    assert stripe_server.pay(str(latest["hosted_invoice_url"])) in (200, 303)
    stripe_server.deliver()
    upgrading.refresh_from_db()
    assert (upgrading.lifecycle, upgrading.payment, upgrading.awaits_payment) == ("active", "ok", False)
    assert upgrading.plan_version.plan.name == "starter"


def test_a_first_payment_that_is_never_made_leaves_the_free_plan_and_can_be_begun_anew(
    stripe_server: Stripe, upgrading: Subscription
) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        begin_incomplete(upgrading)
        stripe_server.deliver()
        clock.shift(timedelta(hours=23, minutes=1))
        stripe_server.control("time", seconds=0)
        stripe_server.deliver()
        upgrading.refresh_from_db()
        assert (upgrading.lifecycle, upgrading.plan_version.plan.name) == ("active", "free")
        assert BillingSubscription.objects.get().stripe_id == ""
        buy(stripe_server, upgrading)
        assert (upgrading.payment, upgrading.plan_version.plan.name) == ("ok", "starter")


def test_an_invoice_that_is_written_off_is_not_paid(stripe_server: Stripe, waiting: Subscription) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        bought = buy(stripe_server, waiting)
        mirror = BillingSubscription.objects.get()
        driver = require_connection().driver
        use_card(BROKEN_CARD)
        stripe_server.deliver()
        assert mirror.period_end is not None
        clock.move_to(mirror.period_end + timedelta(hours=3))
        stripe_server.control("time", seconds=0)
        stripe_server.deliver()
        latest = str(driver.find("subscription", mirror.stripe_id)["latest_invoice"])
        driver.act("invoice", latest, "mark_uncollectible", {})
        stripe_server.deliver()
        bought.refresh_from_db()
        assert bought.payment == "grace"
        driver.act("invoice", latest, "void_invoice", {})
        stripe_server.deliver()
        bought.refresh_from_db()
        assert bought.payment == "ok"
