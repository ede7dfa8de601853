"""The loop of money over a real connection: bought, in force, a card that fails, patience that ends, paid again.

Promises R9, H39, H40.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import end_subscription
from apim.billing import tasks
from apim.billing.catalogue import line_items
from apim.billing.checkout import open_checkout
from apim.billing.connection import require_connection
from apim.billing.events import repair, replay_event
from apim.billing.models import BillingSubscription, CatalogueEntry, Customer, Invoice, StripeEvent
from apim.billing.telling import cancel_at_provider, resume_at_provider
from apim.errors import Conflict
from apim.gateways.models import AccessRecord
from apim.notifications.models import Message
from apim.products.models import Product
from tests.factories.accounts import TESTER, member
from tests.payments import BROKEN_CARD, Stripe, apply_all, ask, buy, hand_on
from tests.switching import use_card

pytestmark = pytest.mark.django_db


def told(subscription: Subscription) -> dict[str, object]:
    """What gateways know of the subscription."""
    record = AccessRecord.objects.filter(kind="subscription", key=subscription.id).order_by("-seq").first()
    assert record is not None
    assert isinstance(record.body, dict)
    return record.body


def test_nothing_is_granted_before_it_is_paid(waiting: Subscription) -> None:
    assert (waiting.lifecycle, waiting.awaits_payment) == ("pending", True)
    assert told(waiting)["awaits"] == "payment"


def test_who_pays_has_access_as_soon_as_stripe_says_so(stripe_server: Stripe, waiting: Subscription) -> None:
    url = open_checkout(subscription=waiting, return_url="http://a/", cancel_url="http://a/", by=TESTER)
    waiting.refresh_from_db()
    assert waiting.lifecycle == "pending"
    assert stripe_server.pay(url) in (200, 303)
    waiting.refresh_from_db()
    assert waiting.lifecycle == "pending"  # the browser's word counts for nothing
    stripe_server.deliver()
    waiting.refresh_from_db()
    assert (waiting.lifecycle, waiting.payment, waiting.awaits_payment) == ("active", "ok", False)
    assert waiting.billing_anchor is not None
    assert (told(waiting)["lifecycle"], told(waiting)["payment"]) == ("active", "ok")
    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.currency, invoice.total, invoice.subscription) == ("paid", "EUR", 2900, waiting)
    assert not StripeEvent.objects.exclude(state="applied").exists()


def test_a_declined_card_grants_nothing(stripe_server: Stripe, waiting: Subscription) -> None:
    url = open_checkout(subscription=waiting, return_url="http://a/", cancel_url="http://a/", by=TESTER)
    assert stripe_server.pay(url, "4000000000000002") == 402
    stripe_server.deliver()
    waiting.refresh_from_db()
    assert waiting.lifecycle == "pending"


def test_two_tabs_buy_it_once(stripe_server: Stripe, waiting: Subscription) -> None:
    first, second = (
        open_checkout(subscription=waiting, return_url="http://a/", cancel_url="http://a/", by=TESTER) for _ in range(2)
    )
    assert stripe_server.pay(first) != 303
    assert stripe_server.pay(second) in (200, 303)
    stripe_server.deliver()
    assert Invoice.objects.count() == 1
    with pytest.raises(Conflict) as refused:
        open_checkout(subscription=waiting, return_url="http://a/", cancel_url="http://a/", by=TESTER)
    assert refused.value.code == "billing.nothing_to_pay"


def test_prices_and_customers_are_made_once(stripe_server: Stripe, bought: Subscription, product: Product) -> None:
    keys = set(CatalogueEntry.objects.filter(kind="price").values_list("lookup_key", flat=True))
    assert keys == {"bank-payments:starter:v1:base:EUR", "bank-payments:starter:v1:calls:EUR"}
    assert Customer.objects.count() == 1
    CatalogueEntry.objects.all().delete()  # lost with a backup: they are found again at Stripe
    line_items(require_connection(), product, bought.plan_version)
    prices = list(require_connection().driver.list("price", {}))
    assert len(prices) == 2


def test_a_failed_card_leads_to_grace_restriction_suspension_and_back(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    payer = member(waiting.organization)
    with time_machine.travel(timezone.now(), tick=True) as clock:
        bought = buy(stripe_server, waiting)
        mirror = BillingSubscription.objects.get()
        use_card(BROKEN_CARD)
        stripe_server.deliver()  # later its signatures would be too old
        assert mirror.period_end is not None
        clock.move_to(mirror.period_end + timedelta(hours=3))
        stripe_server.control("time", seconds=0)
        stripe_server.deliver()
        bought.refresh_from_db()
        assert (bought.lifecycle, bought.payment) == ("active", "grace")
        tasks.look_after_payments()
        assert Message.objects.filter(to=payer.email).count() == 1

        for days, payment in ((8, "restricted"), (8, "suspended")):
            clock.shift(timedelta(days=days))
            stripe_server.control("time", seconds=0)
            stripe_server.deliver()  # later its signatures would be too old
            tasks.look_after_payments()
            bought.refresh_from_db()
            assert (bought.lifecycle, bought.payment) == ("active", payment)
        assert told(bought)["payment"] == "suspended"
        assert Message.objects.filter(to=payer.email).count() == 3

        invoice = Invoice.objects.get(status="open")
        assert stripe_server.pay(invoice.hosted_url) in (200, 303)
        stripe_server.deliver()
        bought.refresh_from_db()
        assert (bought.lifecycle, bought.payment, told(bought)["payment"]) == ("active", "ok", "ok")


def test_events_twice_and_in_the_wrong_order_end_in_the_same_state(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    url = open_checkout(subscription=waiting, return_url="http://a/", cancel_url="http://a/", by=TESTER)
    stripe_server.pay(url)
    events = stripe_server.settle()
    hand_on([*reversed(events), *events])
    waiting.refresh_from_db()
    assert (waiting.lifecycle, waiting.payment) == ("active", "ok")
    assert StripeEvent.objects.count() == len(events)
    records = AccessRecord.objects.count()
    StripeEvent.objects.update(state="stored")
    apply_all()
    assert AccessRecord.objects.count() == records


def test_an_event_waits_while_stripe_is_down_and_is_applied_after(stripe_server: Stripe, waiting: Subscription) -> None:
    url = open_checkout(subscription=waiting, return_url="http://a/", cancel_url="http://a/", by=TESTER)
    stripe_server.pay(url)
    stripe_server.settle()
    stripe_server.control("faults", kind="error", method="GET", path="/v1/subscriptions/.*", status=503, times=1000)
    stripe_server.deliver()
    waiting.refresh_from_db()
    assert waiting.lifecycle == "pending"
    StripeEvent.objects.update(attempts=20)  # half a day later
    apply_all()
    assert StripeEvent.objects.filter(state="stored").exists()
    assert not StripeEvent.objects.filter(state="dead").exists()
    _clear_faults(stripe_server)
    apply_all()
    waiting.refresh_from_db()
    assert waiting.lifecycle == "active"


def _clear_faults(stripe_server: Stripe) -> None:
    ask(f"{stripe_server.address}/_control/faults", "DELETE")


def test_the_nightly_repair_takes_in_what_never_reached_us(stripe_server: Stripe, waiting: Subscription) -> None:
    url = open_checkout(subscription=waiting, return_url="http://a/", cancel_url="http://a/", by=TESTER)
    stripe_server.pay(url)
    assert repair(require_connection()) > 0
    apply_all()
    waiting.refresh_from_db()
    assert (waiting.lifecycle, waiting.payment) == ("active", "ok")
    assert repair(require_connection()) == 0


def test_what_is_of_nobody_here_is_put_aside_where_it_is_seen_and_can_be_replayed(
    stripe_server: Stripe, bought: Subscription
) -> None:
    Customer.objects.all().delete()
    event = StripeEvent.objects.filter(type="invoice.paid").get()
    StripeEvent.objects.filter(pk=event.pk).update(state="stored", attempts=7)
    apply_all()
    event.refresh_from_db()
    assert event.state == "dead"
    assert "another customer" in event.outcome
    Customer.objects.create(
        organization=bought.organization, mode="test", stripe_id=_customer_of(BillingSubscription.objects.get())
    )
    replay_event(event=event, by=TESTER)
    apply_all()
    event.refresh_from_db()
    assert event.state == "applied"
    with pytest.raises(Conflict):
        replay_event(event=event, by=TESTER)


def _customer_of(mirror: BillingSubscription) -> str:
    found = require_connection().driver.find("subscription", mirror.stripe_id)
    return str(found["customer"])


def test_a_cancellation_works_until_the_period_ends_and_can_be_taken_back(
    stripe_server: Stripe, bought: Subscription
) -> None:
    cancel_at_provider(subscription=bought, is_at_period_end=True, by=TESTER)
    bought.refresh_from_db()
    assert (bought.lifecycle, bought.ends_at) == ("canceled", BillingSubscription.objects.get().period_end)
    resume_at_provider(subscription=bought, by=TESTER)
    bought.refresh_from_db()
    assert (bought.lifecycle, bought.ends_at) == ("active", None)
    cancel_at_provider(subscription=bought, is_at_period_end=False, by=TESTER)
    bought.refresh_from_db()
    assert bought.lifecycle == "ended"


def test_what_ends_here_ends_at_stripe(stripe_server: Stripe, bought: Subscription) -> None:
    end_subscription(subscription=bought, by=TESTER, reason="Fraud.")
    tasks.look_after_payments()
    mirror = BillingSubscription.objects.get()
    assert mirror.status == "canceled"
    assert require_connection().driver.find("subscription", mirror.stripe_id)["status"] == "canceled"


def test_an_owners_pause_is_not_undone_by_a_payment(stripe_server: Stripe, bought: Subscription) -> None:
    Subscription.objects.filter(pk=bought.pk).update(lifecycle="paused", reason="Abuse.")
    StripeEvent.objects.update(state="stored")
    apply_all()
    bought.refresh_from_db()
    assert (bought.lifecycle, bought.payment) == ("paused", "ok")
