"""Events that lie, come late, a hundred times or amid a failure: one effect, and that is what Stripe says now.

Promises R9, H38, H39, H40.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
import time_machine
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from apim.access.models import Subscription
from apim.billing import tasks
from apim.billing.connection import require_connection
from apim.billing.events import apply_event
from apim.billing.models import BillingSubscription, Invoice, StripeEvent
from apim.billing.telling import cancel_at_provider
from apim.gateways.models import AccessRecord
from tests.factories.accounts import TESTER
from tests.payments import SECRET, Stripe, apply_all, ask, buy
from tests.stripe_server.webhooks import signature
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db

TIMES, HANDS = 100, 8


def post(body: str, header: str) -> int:
    """What the door answers."""
    client = Client()
    headers = {"Stripe-Signature": header}
    return client.post("/webhooks/stripe", body, content_type="application/json", headers=headers).status_code


def bring(event: dict[str, Any]) -> None:
    """The event arrives, signed now, and is applied."""
    body = json.dumps(event)
    assert post(body, signature(body.encode(), SECRET)) == 200
    apply_all()


def events_of(kind: str) -> list[dict[str, Any]]:
    """Those of the type that Stripe lists, the oldest first."""
    return [dict(event) for event in require_connection().driver.list("event", {"type": kind})][::-1]


def forget() -> None:
    """No event came yet."""
    StripeEvent.objects.all().delete()


def test_a_signature_is_good_for_five_minutes_and_not_for_a_second_more(stripe_server: Stripe) -> None:
    body = json.dumps({"id": "evt_1", "type": "x.y", "created": 1, "data": {"object": {"id": "x_1"}}})
    with time_machine.travel(datetime(2027, 1, 1, 12, tzinfo=UTC), tick=False):
        now = int(time.time())
        assert post(body, signature(body.encode(), SECRET, now - 301)) == 400
        assert not StripeEvent.objects.exists()
        assert post(body, signature(body.encode(), SECRET, now - 300)) == 200


def test_of_several_signatures_one_must_be_good(stripe_server: Stripe) -> None:
    body = json.dumps({"id": "evt_1", "type": "x.y", "created": 1, "data": {"object": {"id": "x_1"}}})
    good, other = signature(body.encode(), SECRET), signature(body.encode(), "whsec_other").split(",")[1]
    moment, own = good.split(",")
    assert post(body, f"{moment},{other},{other}") == 400
    assert not StripeEvent.objects.exists()
    assert post(body, f"{moment},{other},{own}") == 200  # while a secret is rolled Stripe signs with both
    assert StripeEvent.objects.count() == 1


@pytest.mark.parametrize("megabytes", [1, 10])
def test_a_body_of_megabytes_is_refused_though_it_is_signed(stripe_server: Stripe, megabytes: int) -> None:
    body = json.dumps({"id": "evt_1", "data": {"object": {"id": "x" * megabytes * 1024 * 1024}}})
    assert post(body, signature(body.encode(), SECRET)) in (400, 413)
    assert not StripeEvent.objects.exists()


def test_test_money_is_not_taken_for_real_money(stripe_server: Stripe, settings: Settings) -> None:
    settings.STRIPE_API_KEY = "sk_live_standin"
    event = {"id": "evt_1", "type": "x.y", "created": 1, "livemode": False, "data": {"object": {"id": "x_1"}}}
    body = json.dumps(event)
    assert post(body, signature(body.encode(), SECRET)) == 400
    assert not StripeEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_one_event_a_hundred_times_at_once_has_one_effect(stripe_server: Stripe, waiting: Subscription) -> None:
    buy(stripe_server, waiting)
    (event,) = events_of("invoice.paid")
    forget()
    Invoice.objects.all().delete()
    records = AccessRecord.objects.count()
    body = json.dumps(event)
    header = signature(body.encode(), SECRET)

    def once(_number: int) -> int:
        try:
            answer = post(body, header)
            tasks.apply_due_events()
            return answer
        finally:
            database.close()

    with ThreadPoolExecutor(HANDS) as pool:
        assert set(pool.map(once, range(TIMES))) == {200}
    stored = StripeEvent.objects.get()
    assert (stored.state, stored.attempts) == ("applied", 1)
    assert Invoice.objects.count() == 1
    assert AccessRecord.objects.count() == records


def test_what_was_deleted_stays_so_when_an_older_change_comes_late(stripe_server: Stripe, bought: Subscription) -> None:
    cancel_at_provider(subscription=bought, is_at_period_end=True, by=TESTER)
    cancel_at_provider(subscription=bought, is_at_period_end=False, by=TESTER)
    (deleted,) = events_of("customer.subscription.deleted")
    updated = events_of("customer.subscription.updated")[0]
    assert updated["data"]["object"]["status"] == "active"
    forget()
    for event in (deleted, updated):
        bring(event)
        bought.refresh_from_db()
        assert bought.lifecycle == "ended"
    assert BillingSubscription.objects.get().status == "canceled"


def test_paid_before_created(stripe_server: Stripe, waiting: Subscription) -> None:
    buy(stripe_server, waiting)
    forget()
    Invoice.objects.all().delete()
    BillingSubscription.objects.all().delete()
    Subscription.objects.update(lifecycle="pending", payment="none", awaits_payment=True)
    for kind in ("invoice.paid", "customer.subscription.created"):
        bring(events_of(kind)[0])
        waiting.refresh_from_db()
        assert (waiting.lifecycle, waiting.payment) == ("active", "ok")


def test_what_an_event_claims_counts_for_nothing(stripe_server: Stripe, bought: Subscription) -> None:
    """Signed with our secret, and yet no word of it is true: only what Stripe answers is taken in."""
    (paid,) = events_of("invoice.paid")
    paid["id"] = "evt_of_a_liar"
    paid["data"]["object"] |= {"amount_paid": 9_999_999, "currency": "usd", "total": 9_999_999, "status": "void"}
    (created,) = events_of("customer.subscription.created")
    created["id"] = "evt_of_another_liar"
    created["data"]["object"] |= {"status": "canceled", "metadata": {"apim_subscription": "sub_of_another"}}
    for event in (paid, created):
        bring(event)
    invoice = Invoice.objects.get()
    assert (invoice.status, invoice.currency, invoice.total, invoice.amount_paid) == ("paid", "EUR", 2900, 2900)
    bought.refresh_from_db()
    assert (bought.lifecycle, bought.payment) == ("active", "ok")


@pytest.mark.parametrize("status", [429, 503])
def test_what_stripe_does_not_answer_is_asked_again_to_the_same_end(
    stripe_server: Stripe, waiting: Subscription, status: int
) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        stripe_server.control("faults", kind="error", method="GET", path="/v1/subscriptions/.*", status=status, times=3)
        buy(stripe_server, waiting)
        for _ in range(4):
            clock.shift(timedelta(hours=1))
            tasks.apply_due_events()
        waiting.refresh_from_db()
        assert (waiting.lifecycle, waiting.payment) == ("active", "ok")
        assert not StripeEvent.objects.exclude(state="applied").exists()
        assert Invoice.objects.count() == 1
    ask(f"{stripe_server.address}/_control/faults", "DELETE")


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_a_database_that_goes_away_in_the_middle_leaves_the_event_to_be_tried_again(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    buy(stripe_server, waiting)
    (event,) = events_of("customer.subscription.created")
    Subscription.objects.update(lifecycle="pending", payment="none", awaits_payment=True)
    StripeEvent.objects.filter(pk=event["id"]).update(state="stored", retry_at=timezone.now(), attempts=0)
    begun, pids, failures = Event(), [], []

    def run() -> None:
        try:
            with database.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.append(cursor.fetchone()[0])
            begun.set()
            apply_event(require_connection(), event["id"])
        except Exception as failure:  # noqa: BLE001 - whatever a driver says when its server is gone
            failures.append(failure)
        finally:
            database.close()

    worker = Thread(target=run)
    with transaction.atomic():
        Subscription.objects.select_for_update().get(pk=waiting.pk)  # it waits for this one
        worker.start()
        begun.wait()
        with database.cursor() as cursor:

            def is_waiting() -> bool:
                cursor.execute("SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s", pids)
                return bool(cursor.fetchone()[0] == "Lock")

            wait_until(is_waiting, "it waits for the lock")
            cursor.execute("SELECT pg_terminate_backend(%s)", pids)
    worker.join()
    assert failures
    stored = StripeEvent.objects.get(pk=event["id"])
    assert (stored.state, stored.attempts) == ("stored", 1)
    apply_all()
    waiting.refresh_from_db()
    assert (waiting.lifecycle, waiting.payment) == ("active", "ok")
    assert not StripeEvent.objects.exclude(state="applied").exists()
