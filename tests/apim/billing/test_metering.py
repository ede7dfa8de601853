"""Usage becomes money once: hourly windows, late records, lost answers; and invoices are what our rating says.

Promises D5, B6.
"""

from __future__ import annotations

from datetime import timedelta
from threading import Thread

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from apim.access.models import Subscription
from apim.access.services import revise_plan, subscribe
from apim.billing import tasks
from apim.billing.catalogue import event_name_of
from apim.billing.connection import require_connection
from apim.billing.metering import count_usage, send_usage
from apim.billing.models import (
    BillingSubscription,
    GrantedVersion,
    Invoice,
    MeterWindow,
    OutgoingUsage,
)
from apim.billing.reconciling import rate_invoice, reconcile
from apim.billing.telling import cancel_at_provider
from apim.billing.windows import note_version
from apim.products.limits import Terms
from apim.products.models import Meter, Product
from apim.usage.models import UsageRollup
from tests.apim.billing.counting import calls, counted_by_stripe, tell
from tests.factories import access
from tests.factories.accounts import TESTER
from tests.payments import PRICING, Stripe, buy

pytestmark = pytest.mark.django_db


def test_what_is_late_is_told_as_the_part_that_is_new_and_nothing_is_told_twice(
    stripe_server: Stripe, bought: Subscription
) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=5), tick=True):
        before = timezone.now() - timedelta(hours=2)
        calls(bought, before, 10)
        calls(bought, before, 5, status=500)  # the meter counts what succeeded
        tell()
        tell()
        assert counted_by_stripe() == 10
        calls(bought, before, 7)
        tell()
        assert counted_by_stripe() == 17
        window = MeterWindow.objects.get()
        assert (window.quantity, window.revision) == (17, 2)
        assert [part.quantity for part in OutgoingUsage.objects.order_by("identifier")] == [10, 7]


def test_an_answer_that_is_lost_counts_once(stripe_server: Stripe, bought: Subscription) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=5), tick=True):
        calls(bought, timezone.now() - timedelta(hours=2), 10)
        stripe_server.control("faults", kind="lose_answer", path="/v1/billing/meter_events", times=2)
        tell()
        assert OutgoingUsage.objects.get().state == "due"
        tell()
        assert OutgoingUsage.objects.get().state == "sent"
        assert counted_by_stripe() == 10


def test_what_shrank_or_is_refused_is_put_aside_and_seen(stripe_server: Stripe, bought: Subscription) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=5), tick=True):
        calls(bought, timezone.now() - timedelta(hours=2), 10)
        tell()
        UsageRollup.objects.filter(period="hour").update(calls=4)
        tell()
        part = OutgoingUsage.objects.get(state="dead")
        assert (part.quantity, "credit note" in part.error) == (-6, True)
        assert counted_by_stripe() == 10


def test_calls_before_it_was_bought_are_free(stripe_server: Stripe, bought: Subscription) -> None:
    mirror = BillingSubscription.objects.get()
    assert mirror.started_at is not None
    calls(bought, mirror.started_at - timedelta(minutes=3), 50)
    count_usage(require_connection())
    assert not MeterWindow.objects.filter(quantity__gte=50).exists()


def test_an_hour_in_which_a_period_ends_is_told_in_two_parts(stripe_server: Stripe, bought: Subscription) -> None:
    middle = timezone.now().replace(minute=30, second=15, microsecond=0) - timedelta(hours=3)
    BillingSubscription.objects.update(started_at=middle - timedelta(days=1), period_start=middle)
    calls(bought, middle - timedelta(minutes=2), 3)
    calls(bought, middle, 4)  # the minute in which it ends counts in the next
    calls(bought, middle + timedelta(minutes=2), 5)
    count_usage(require_connection())
    found = list(MeterWindow.objects.order_by("hour").values_list("hour", "quantity"))
    assert found == [(middle.replace(minute=0, second=0), 3), (middle, 9)]
    BillingSubscription.objects.update(period_start=None, period_end=None)  # the next period: it stays divided
    assert count_usage(require_connection()) == 0


def test_what_was_told_of_two_parts_stays_told_when_the_minutes_are_gone(
    stripe_server: Stripe, bought: Subscription
) -> None:
    middle = timezone.now().replace(minute=30, second=0, microsecond=0) - timedelta(hours=3)
    BillingSubscription.objects.update(started_at=middle - timedelta(days=1), period_start=middle)
    calls(bought, middle - timedelta(minutes=2), 3)
    calls(bought, middle + timedelta(minutes=2), 5)
    count_usage(require_connection())
    UsageRollup.objects.filter(period="minute").delete()
    assert count_usage(require_connection()) == 0
    assert list(MeterWindow.objects.order_by("hour").values_list("quantity", flat=True)) == [3, 5]


def test_an_end_that_becomes_known_within_a_told_hour_takes_nothing_back_and_tells_nothing_twice(
    stripe_server: Stripe, bought: Subscription
) -> None:
    middle = timezone.now().replace(minute=30, second=0, microsecond=0) - timedelta(hours=3)
    hour = middle.replace(minute=0)
    BillingSubscription.objects.update(started_at=middle - timedelta(days=1), period_start=None, period_end=None)
    calls(bought, middle - timedelta(minutes=2), 3)
    calls(bought, middle + timedelta(minutes=2), 5)
    assert count_usage(require_connection()) == 1
    BillingSubscription.objects.update(period_start=middle)
    calls(bought, middle + timedelta(minutes=4), 6)
    count_usage(require_connection())
    assert count_usage(require_connection()) == 0
    found = list(MeterWindow.objects.order_by("hour").values_list("hour", "quantity"))
    assert found == [(hour, 8), (middle, 6)]  # what was told of the whole hour stays with its first part
    assert not OutgoingUsage.objects.filter(state="dead").exists()


def test_late_usage_of_a_meter_that_the_plan_dropped_since_is_told(
    stripe_server: Stripe, bought: Subscription, product: Product
) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=5), tick=True):
        before = timezone.now() - timedelta(hours=2)
        old = bought.plan_version
        flat = Terms(pricing={"currency": "EUR", "prices": PRICING["prices"][:1]})
        bought.plan_version = revise_plan(plan=product.plans.get(), terms=flat, by=TESTER)
        bought.save(update_fields=["plan_version"])
        note_version(bought, old, timezone.now())
        assert GrantedVersion.objects.count() == 2
        calls(bought, before, 10)
        tell()
        assert counted_by_stripe() == 10
    with time_machine.travel(timezone.now() + timedelta(hours=9), tick=True):
        calls(bought, timezone.now() - timedelta(hours=2), 10)  # the plan of that hour has no such price
        assert count_usage(require_connection()) == 0


def test_counting_asks_as_often_for_many_subscriptions_as_for_one(
    stripe_server: Stripe, bought: Subscription, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=5), tick=True):
        for number in range(5):
            application = access.application(name=f"shop-{number}")
            plan = bought.plan_version.plan
            other = subscribe(application=application, product=bought.product, plan=plan, by=TESTER, is_checkout=True)
            started = timezone.now() - timedelta(days=1)
            BillingSubscription.objects.create(
                subscription=other, mode="test", stripe_id=f"sub_{number}", started_at=started
            )
            calls(other, timezone.now() - timedelta(hours=2), 3)
        assert count_usage(require_connection()) == 5
        with django_assert_max_num_queries(8):
            assert count_usage(require_connection()) == 0


def test_a_part_that_can_be_told_to_nobody_holds_up_no_other(stripe_server: Stripe, bought: Subscription) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=5), tick=True):
        calls(bought, timezone.now() - timedelta(hours=2), 10)
        calls(bought, timezone.now() - timedelta(hours=3), 5)
        count_usage(require_connection())
        MeterWindow.objects.filter(quantity=5).update(meter="gone")
        send_usage(require_connection())
        assert OutgoingUsage.objects.get(state="dead").error == "The meter gone is gone."
        assert counted_by_stripe() == 10


def test_names_of_events_that_are_cut_stay_apart(product: Product) -> None:
    meter = Meter.objects.get()
    assert event_name_of(product, meter) == "apim.bank-payments.bank-calls.v1"
    product.name, names = "p" * 60, set()
    for version in (1, 2):
        meter.name, meter.version = "m" * 60, version
        names.add(event_name_of(product, meter))
    assert len(names) == 2
    assert all(len(name) <= 100 for name in names)


def test_the_invoice_is_what_our_rating_says_to_the_cent(stripe_server: Stripe, waiting: Subscription) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        bought = buy(stripe_server, waiting)
        assert (Invoice.objects.get().local_subtotal, Invoice.objects.get().difference) == (2900, 0)
        clock.shift(timedelta(days=2))
        calls(bought, timezone.now() - timedelta(hours=2), 132_400)
        tasks.tell_usage()
        assert counted_by_stripe() == 132_400
        mirror = BillingSubscription.objects.get()
        assert mirror.period_end is not None
        stripe_server.deliver()
        clock.move_to(mirror.period_end + timedelta(hours=3))
        stripe_server.control("time", seconds=0)
        stripe_server.deliver()
        invoice = Invoice.objects.get(reason="subscription_cycle")
        assert (invoice.status, invoice.subtotal) == ("paid", 4196)
        assert (invoice.local_subtotal, invoice.difference, invoice.note) == (4196, 0, "")
        assert reconcile(require_connection()) == 0

        MeterWindow.objects.update(quantity=132_399)
        assert rate_invoice(invoice).difference == 0  # 0.0004 less is no cent
        MeterWindow.objects.update(quantity=132_300)
        assert reconcile(require_connection()) == 1
        invoice.refresh_from_db()
        assert (invoice.difference, invoice.note) == (4, "calls: Stripe has 12.96 EUR, we have 12.92 EUR.")


@pytest.mark.django_db(transaction=True)
def test_who_counts_while_another_does_waits_and_sees_what_the_other_saw(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    started = timezone.now() - timedelta(days=1)
    BillingSubscription.objects.create(subscription=waiting, mode="test", stripe_id="sub_1", started_at=started)
    before = timezone.now() - timedelta(hours=2)
    calls(waiting, before, 8)
    told: list[int] = []

    def run() -> None:
        try:
            told.append(count_usage(require_connection()))
        finally:
            connection.close()

    slow = Thread(target=run)
    with transaction.atomic():
        Subscription.objects.select_for_update().get(pk=waiting.pk)
        slow.start()
        slow.join(0.5)  # who does not wait has read by then
        calls(waiting, before, 2)
        count_usage(require_connection())
    slow.join()
    assert told == [0]
    assert [part.quantity for part in OutgoingUsage.objects.all()] == [10]


def test_what_was_used_just_before_a_cancellation_is_on_the_last_invoice(
    stripe_server: Stripe, bought: Subscription
) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=5), tick=True):
        calls(bought, timezone.now() - timedelta(hours=2), 132_400)
        cancel_at_provider(subscription=bought, is_at_period_end=False, by=TESTER)
        assert OutgoingUsage.objects.get().state == "sent"
        assert counted_by_stripe() == 132_400
        stripe_server.deliver()
        last = Invoice.objects.exclude(reason="subscription_create").get()
        assert (last.subtotal, rate_invoice(last).difference, last.note) == (1296, 0, "")
