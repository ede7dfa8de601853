"""The edges of selling: what comes too early, too late, twice, from elsewhere, or while Stripe is away.

Promises R9, H39.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from apim.access.models import Credential, Subscription
from apim.access.services import create_credential, roll_credential, subscribe
from apim.billing import tasks
from apim.billing.checkout import look_after_checkout, open_checkout
from apim.billing.connection import require_connection
from apim.billing.metering import count_usage
from apim.billing.models import (
    BillingAlarm,
    BillingSubscription,
    Customer,
    Invoice,
    MeterWindow,
    OutgoingUsage,
    StripeEvent,
)
from apim.errors import Conflict
from apim.gateways.models import AccessRecord
from apim.products.limits import Terms
from apim.products.models import Plan, Product
from apim.products.services import archive_plan, update_product
from tests.apim.billing.counting import calls, counted_by_stripe, tell
from tests.factories import access, products
from tests.factories.accounts import TESTER
from tests.payments import SECRET, Stripe, apply_all, ask, buy
from tests.stripe_server.webhooks import signature

pytestmark = pytest.mark.django_db

BACK = {"return_url": "http://127.0.0.1:1/back", "cancel_url": "http://127.0.0.1:1/no"}


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(timezone.now(), tick=True) as traveller:
        yield traveller


def offer(product: Product, name: str, **pricing: Any) -> Plan:
    """Another plan of the product."""
    terms = Terms(pricing={"currency": "EUR", **pricing} if pricing else None)
    plan = products.plan(organization=product.organization, name=name, terms=terms)
    product.plans.add(plan)
    return plan


def flat(amount: str) -> dict[str, str]:
    return {"name": "base", "model": "flat", "amount": amount}


def stand(subscription: Subscription) -> tuple[str, str]:
    subscription.refresh_from_db()
    return subscription.lifecycle, subscription.payment


def test_redirect_before_webhook(stripe_server: Stripe, waiting: Subscription) -> None:
    stripe_server.pay(open_checkout(subscription=waiting, by=TESTER, **BACK))
    look_after_checkout(waiting)  # the browser is back, no event is
    assert stand(waiting) == ("active", "ok")
    records = AccessRecord.objects.count()
    stripe_server.deliver()
    assert stand(waiting) == ("active", "ok")
    assert AccessRecord.objects.count() == records


def test_two_tabs_buying_two_plans(stripe_server: Stripe, waiting: Subscription, product: Product) -> None:
    large = offer(product, "large", prices=[flat("99.00")])
    first = open_checkout(subscription=waiting, by=TESTER, **BACK)
    application = waiting.applications.get()
    subscribe(application=application, product=product, plan=large, by=TESTER, is_checkout=True)
    second = open_checkout(subscription=waiting, by=TESTER, **BACK)
    assert stripe_server.pay(first) not in (200, 303)
    assert stripe_server.pay(second) in (200, 303)
    stripe_server.deliver()
    assert stand(waiting) == ("active", "ok")
    assert waiting.plan_version.plan == large
    assert [each.total for each in Invoice.objects.all()] == [9900]


def test_webhook_for_the_other_mode(stripe_server: Stripe, bought: Subscription) -> None:
    stored = StripeEvent.objects.count()
    event = json.loads(StripeEvent.objects.filter(type="customer.subscription.created").latest("received_at").body)
    body = json.dumps(event | {"id": "evt_live", "livemode": True}).encode()
    headers = {"Stripe-Signature": signature(body, SECRET)}
    answer = Client().post("/webhooks/stripe", body, content_type="application/json", headers=headers)
    assert answer.status_code == 400
    assert StripeEvent.objects.count() == stored
    StripeEvent.objects.filter(pk=event["id"]).update(mode="live", state="stored", attempts=0)  # came before a switch
    apply_all()
    assert StripeEvent.objects.get(pk=event["id"]).state == "dead"
    assert stand(bought) == ("active", "ok")


def test_period_boundary_in_another_time_zone(stripe_server: Stripe, bought: Subscription) -> None:
    today = timezone.now().astimezone(ZoneInfo("Asia/Kathmandu")).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight = today - timedelta(days=1)  # 18:15 in UTC: within an hour
    BillingSubscription.objects.update(started_at=midnight - timedelta(days=9), period_start=midnight, period_end=None)
    calls(bought, midnight - timedelta(minutes=1), 3)
    calls(bought, midnight, 4)
    with timezone.override("Asia/Kathmandu"):
        count_usage(require_connection())
    found = {at.astimezone(UTC): quantity for at, quantity in MeterWindow.objects.values_list("hour", "quantity")}
    edge = midnight.astimezone(UTC)
    assert found == {edge.replace(minute=0): 3, edge: 4}


def test_streaming_request_crossing_a_period(stripe_server: Stripe, bought: Subscription) -> None:
    edge = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    BillingSubscription.objects.update(started_at=edge - timedelta(days=9), period_start=edge, period_end=None)
    calls(bought, edge, 4)
    count_usage(require_connection())
    calls(bought, edge - timedelta(minutes=1), 1)  # begun before the end, told after it: it counts where it began
    count_usage(require_connection())
    found = dict(MeterWindow.objects.values_list("hour", "quantity"))
    assert found == {edge - timedelta(hours=1): 1, edge: 4}


def test_clock_skew(stripe_server: Stripe, bought: Subscription) -> None:
    end = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=6)
    with time_machine.travel(end - timedelta(seconds=60), tick=True):
        calls(bought, end + timedelta(seconds=30), 7)  # by a gateway whose clock is ahead, so in the next hour
        tell()
        assert counted_by_stripe() == 7
        assert not OutgoingUsage.objects.exclude(state="sent").exists()
        calls(bought, end - timedelta(minutes=3), 2)  # by one whose clock is behind
        tell()
        assert counted_by_stripe() == 9


def test_plan_archived_in_an_open_checkout(stripe_server: Stripe, waiting: Subscription, product: Product) -> None:
    url = open_checkout(subscription=waiting, by=TESTER, **BACK)
    archive_plan(plan=product.plans.get(), by=TESTER)
    assert stripe_server.pay(url) in (200, 303)
    stripe_server.deliver()
    assert stand(waiting) == ("active", "ok")  # what was agreed on and paid for holds
    other = access.application()
    with pytest.raises(Conflict):
        subscribe(application=other, product=product, plan=product.plans.get(), by=TESTER, is_checkout=True)


def test_free_plan_removed_under_users(stripe_server: Stripe, waiting: Subscription, product: Product) -> None:
    free, starter = offer(product, "free"), product.plans.get(name="starter")
    application = waiting.applications.get()
    subscribe(application=application, product=product, plan=free, by=TESTER)
    update_product(product=product, changes={"plans": [starter]}, by=TESTER)
    archive_plan(plan=free, by=TESTER)
    assert stand(waiting) == ("active", "none")  # who has it keeps it
    subscribe(application=application, product=product, plan=starter, by=TESTER, is_checkout=True)
    assert stand(waiting) == ("active", "none")
    buy(stripe_server, waiting)
    assert (waiting.payment, waiting.plan_version.plan) == ("ok", starter)


def test_key_rolled_mid_period(stripe_server: Stripe, bought: Subscription) -> None:
    key = create_credential(application=bought.applications.get(), by=TESTER)
    before = BillingSubscription.objects.values().get()
    with time_machine.travel(timezone.now() + timedelta(hours=5), tick=True):
        calls(bought, timezone.now() - timedelta(hours=2, minutes=9), 3)
        roll_credential(credential=Credential.objects.get(), by=TESTER)
        calls(bought, timezone.now() - timedelta(hours=2), 4)
        tell()
        assert counted_by_stripe() == 7  # usage is of the subscription, whatever key it came by
    assert BillingSubscription.objects.values().get() == before
    assert Credential.objects.count() == 2
    assert key


def test_chargeback_during_trial(stripe_server: Stripe, waiting: Subscription, product: Product) -> None:
    setup = {"name": "setup", "model": "setup", "amount": "5.00"}
    trial = {"days": 14, "paymentMethod": "required", "onEndWithoutCard": "cancel"}
    plan = offer(product, "trial", prices=[setup, flat("29.00")], trial=trial)
    application = waiting.applications.get()
    subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True)
    buy(stripe_server, waiting, "4000000000000259")
    assert BillingSubscription.objects.get().status == "trialing"
    assert stand(waiting) == ("active", "ok")
    assert Customer.objects.get().is_top_up_frozen
    assert BillingAlarm.objects.get().kind == "dispute"


def test_stripe_down_at_renewal(stripe_server: Stripe, clock: time_machine.Traveller, waiting: Subscription) -> None:
    bought = buy(stripe_server, waiting)
    end = BillingSubscription.objects.get().period_end
    assert end is not None
    stripe_server.control("faults", kind="error", path="/v1/.*", status=503, times=1000)
    clock.move_to(end + timedelta(hours=3))
    calls(bought, end + timedelta(hours=1), 5)
    tasks.look_after_payments()
    tasks.tell_usage()
    assert stand(bought) == ("active", "ok")  # nobody is refused because Stripe does not answer
    ask(f"{stripe_server.address}/_control/faults", "DELETE")
    stripe_server.control("time", seconds=0)
    stripe_server.deliver()
    OutgoingUsage.objects.update(retry_at=timezone.now())
    tasks.tell_usage()
    assert stand(bought) == ("active", "ok")
    assert Invoice.objects.get(reason="subscription_cycle").status == "paid"
    assert OutgoingUsage.objects.get().state == "sent"


def test_org_changes_currency(stripe_server: Stripe, bought: Subscription, product: Product) -> None:
    application = bought.applications.get()
    plan = products.plan(
        organization=product.organization,
        name="dollars",
        terms=Terms(pricing={"currency": "USD", "prices": [flat("39.00")]}),
    )
    version = product.items.first().version
    other = products.product(version=version, plans=[plan], name="cards")
    wish = subscribe(application=application, product=other, plan=plan, by=TESTER, is_checkout=True)
    with pytest.raises(Conflict) as refused:
        open_checkout(subscription=wish, by=TESTER, **BACK)
    assert (refused.value.code, "in EUR" in refused.value.message) == ("billing.other_currency", True)
    require_connection().driver.act("subscription", BillingSubscription.objects.get().stripe_id, "cancel", {})
    stripe_server.deliver()
    buy(stripe_server, wish)
    assert Invoice.objects.get(currency="USD").total == 3900
