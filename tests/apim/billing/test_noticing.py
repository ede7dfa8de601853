"""What Stripe tells that nobody here asked for: each raises one alarm that admins are mailed, and refuses no call.

Promise H39.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.accounts.models import User
from apim.billing.checkout import open_checkout
from apim.billing.connection import require_connection
from apim.billing.events import repair
from apim.billing.metering import count_usage, send_usage
from apim.billing.models import (
    BillingAlarm,
    BillingSubscription,
    CatalogueEntry,
    Customer,
    Invoice,
    OutgoingUsage,
    StripeEvent,
)
from apim.billing.reconciling import differing_invoices
from apim.notifications.models import Message
from tests.apim.billing.counting import calls
from tests.conftest import LogIn
from tests.factories.accounts import TESTER, member
from tests.payments import SECRET, Stripe, buy, hand_on
from tests.stripe_server.webhooks import signature

pytestmark = pytest.mark.django_db

BACK = {"return_url": "http://127.0.0.1:1/back", "cancel_url": "http://127.0.0.1:1/no"}


def tell(kind: str, **fields: Any) -> StripeEvent:
    """An event that Stripe documents and the stand-in does not make, signed as all are."""
    event = {"id": f"evt_{kind}", "type": kind, "livemode": False, "created": int(timezone.now().timestamp())} | fields
    body = json.dumps(event).encode()
    hand_on([(body, signature(body, SECRET))])
    return StripeEvent.objects.get(id=event["id"])


def test_a_disputed_charge_freezes_top_ups_and_tells_an_admin_until_it_is_won(
    stripe_server: Stripe, waiting: Subscription, admin: User
) -> None:
    bought = buy(stripe_server, waiting, "4000000000000259")
    assert (bought.lifecycle, bought.payment) == ("active", "ok")
    assert Customer.objects.get().is_top_up_frozen
    alarm = BillingAlarm.objects.get(kind="dispute")
    assert "disputes a charge" in alarm.text
    assert Message.objects.filter(to=admin.email).count() == 1
    won = {"evidence": {"uncategorized_text": "winning_evidence"}}
    require_connection().driver.change("dispute", alarm.subject, won)
    stripe_server.deliver()
    assert not Customer.objects.get().is_top_up_frozen
    assert not BillingAlarm.objects.exists()


def test_winning_one_dispute_does_not_unfreeze_who_has_another(stripe_server: Stripe, waiting: Subscription) -> None:
    buy(stripe_server, waiting, "4000000000000259")
    driver, customer = require_connection().driver, Customer.objects.get().stripe_id
    (card,) = driver.list("payment_method", {"customer": customer})
    again = {"amount": 500, "currency": "eur", "customer": customer, "payment_method": card["id"]}
    driver.make("payment_intent", again | {"confirm": True, "off_session": True}, key="again")
    stripe_server.deliver()
    second, first = BillingAlarm.objects.filter(kind="dispute").order_by("-raised_at", "-id")
    won = {"evidence": {"uncategorized_text": "winning_evidence"}}
    driver.change("dispute", second.subject, won)
    stripe_server.deliver()
    assert Customer.objects.get().is_top_up_frozen
    driver.change("dispute", first.subject, won)
    stripe_server.deliver()
    assert not Customer.objects.get().is_top_up_frozen


def test_what_was_changed_at_stripe_by_hand_is_told_until_it_is_as_it_was(
    stripe_server: Stripe, bought: Subscription, admin: User
) -> None:
    driver = require_connection().driver
    for entry in CatalogueEntry.objects.filter(kind__in=("price", "product")):
        driver.change(entry.kind, entry.stripe_id, {"active": False})
    stripe_server.deliver()
    assert BillingAlarm.objects.filter(kind="drift", text__contains="archived").count() == 3
    assert Message.objects.filter(to=admin.email).count() == 3
    bought.refresh_from_db()
    assert (bought.lifecycle, bought.payment) == ("active", "ok")
    for entry in CatalogueEntry.objects.filter(kind__in=("product", "price")).order_by("-kind"):
        driver.change(entry.kind, entry.stripe_id, {"active": True})
    stripe_server.deliver()
    assert not BillingAlarm.objects.exists()


def test_an_access_that_is_taken_away_stops_nobody(stripe_server: Stripe, bought: Subscription, admin: User) -> None:
    application = {"id": "ca_1", "object": "application", "name": "apim"}
    event = tell("account.application.deauthorized", object="event", data={"object": application})
    assert event.state == "applied"
    assert BillingAlarm.objects.get().kind == "deauthorized"
    bought.refresh_from_db()
    assert (bought.lifecycle, bought.payment) == ("active", "ok")
    assert Message.objects.filter(to=admin.email).count() == 1


def test_usage_that_stripe_could_not_count_is_put_aside_and_seen(stripe_server: Stripe, bought: Subscription) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=5), tick=True):
        calls(bought, timezone.now() - timedelta(hours=2), 10)
        count_usage(require_connection())
        send_usage(require_connection())
        part = OutgoingUsage.objects.get(state="sent")
        error = {"error_message": "Customer not found.", "request": {"identifier": part.identifier}}
        kinds = [{"code": "meter_event_customer_not_found", "error_count": 1, "sample_errors": [error]}]
        event = tell(
            "v1.billing.meter.error_report_triggered",
            object="v2.core.event",
            created=timezone.now().isoformat(),
            related_object={"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/mtr_1"},
            data={
                "developer_message_summary": "There is 1 invalid event",
                "reason": {"error_count": 1, "error_types": kinds},
            },
        )
        assert (event.state, event.outcome) == ("applied", "1 parts of usage were put aside.")
    part.refresh_from_db()
    assert (part.state, part.error) == ("dead", "Stripe could not count it.\nCustomer not found.")
    assert BillingAlarm.objects.get().subject == "mtr_1"


def test_who_removes_the_last_card_is_shown_that_there_is_none(stripe_server: Stripe, bought: Subscription) -> None:
    driver = require_connection().driver
    assert Customer.objects.get().has_card
    for card in driver.list("payment_method", {"customer": Customer.objects.get().stripe_id}):
        driver.act("payment_method", card["id"], "detach", {})
    stripe_server.deliver()
    assert Customer.objects.get().has_card is False
    bought.refresh_from_db()
    assert (bought.lifecycle, bought.payment) == ("active", "ok")


def test_an_invoice_that_stripe_cannot_finalize_is_an_alarm(stripe_server: Stripe, bought: Subscription) -> None:
    found = dict(require_connection().driver.find("invoice", Invoice.objects.get().pk))
    found["last_finalization_error"] = {"message": "The tax location is invalid."}
    tell("invoice.finalization_failed", object="event", data={"object": found})
    assert "The tax location is invalid." in BillingAlarm.objects.get().text


def test_a_checkout_that_runs_out_is_released_and_its_payer_reminded_once(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    payer = member(waiting.organization)
    with time_machine.travel(timezone.now(), tick=True) as clock:
        open_checkout(subscription=waiting, by=TESTER, **BACK)
        open_checkout(subscription=waiting, by=TESTER, **BACK)  # closes the first, which is no reason to remind
        stripe_server.deliver()
        assert not Message.objects.exists()
        clock.shift(timedelta(hours=24, minutes=1))
        stripe_server.control("time", seconds=0)
        events = stripe_server.settle()[stripe_server.posted :]
        hand_on([*events, *events])
    assert Message.objects.get().to == payer.email
    assert BillingSubscription.objects.get().session_id == ""
    waiting.refresh_from_db()
    assert waiting.awaits_payment


def test_an_alarm_is_shown_until_somebody_has_seen_it(
    stripe_server: Stripe, waiting: Subscription, log_in: LogIn, admin: User
) -> None:
    buy(stripe_server, waiting, "4000000000000259")
    client, page = log_in(admin), "/console/admin/billing"
    alarm = BillingAlarm.objects.get()
    assert "disputes a charge" in client.get(page).content.decode()
    client.post(f"{page}/alarms/{alarm.id}/seen")
    assert "disputes a charge" not in client.get(page).content.decode()


def test_the_repair_reads_invoices_anew(stripe_server: Stripe, bought: Subscription) -> None:
    Invoice.objects.update(status="open", amount_paid=0)
    repair(require_connection())
    assert (Invoice.objects.get().status, Invoice.objects.get().amount_paid) == ("paid", 2900)
    Invoice.objects.all().delete()
    repair(require_connection())
    assert Invoice.objects.get().difference == 0


def test_invoices_that_differ_are_of_one_mode_and_cost_no_query_each(
    stripe_server: Stripe, bought: Subscription, django_assert_num_queries: Any
) -> None:
    invoice = Invoice.objects.get()
    for number in range(4):
        invoice.pk, invoice.mode, invoice.difference = f"in_{number}", "live" if number == 3 else "test", 4
        invoice.save(force_insert=True)
    with django_assert_num_queries(1):
        assert len([str(each.organization) for each in differing_invoices("test")]) == 3
