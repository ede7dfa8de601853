"""A worker that is killed amid its work: nothing is lost, nothing is done twice. Promises R9, D5, H40."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing import tasks
from apim.billing.coming import OUR_NEXT
from apim.billing.connection import require_connection
from apim.billing.models import (
    BillingSubscription,
    Invoice,
    MeterWindow,
    OutgoingUsage,
    PlanChange,
    StripeEvent,
)
from apim.billing.switching import switch_plan
from apim.up.options import ROOT
from tests.apim.billing.counting import calls, counted_by_stripe
from tests.factories.accounts import TESTER
from tests.payments import SECRET, Stripe, apply_all, buy
from tests.stripe_server.keys import TEST_KEY
from tests.stripe_server.server import Server
from tests.switching import offer, priced
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql]

KILLS = 2


@pytest.fixture
def server(_standin: Server) -> Server:
    """The stand-in itself."""
    return _standin


def kill_amid(work: str, server: Server, path: str, *more: str, method: str = "") -> None:
    """Start the work in a process of its own, kill it when Stripe was asked; Stripe does it all the same."""
    faults = server.state.faults
    faults.add({"kind": "hold", "path": path, "method": method})
    parts = urlsplit(os.environ["DATABASE_URL"])
    environment = {
        **os.environ,
        "DATABASE_URL": urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}")),
        "APIM_STRIPE_API_KEY": TEST_KEY,
        "APIM_STRIPE_API_BASE": server.state.address,
        "APIM_STRIPE_WEBHOOK_SECRET": SECRET,
    }
    command = (sys.executable, "-m", "tests.apim.billing.worker", work, *more)
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as worker:
        wait_until(lambda: bool(faults.held) or worker.poll() is not None, "Stripe is asked")
        worker.kill()
        _, error = worker.communicate()
    faults.clear()
    assert worker.returncode < 0, error  # it was killed, and had not ended before


def test_an_event_between_stored_and_applied(stripe_server: Stripe, server: Server, waiting: Subscription) -> None:
    buy(stripe_server, waiting)
    Subscription.objects.update(lifecycle="pending", payment="none", awaits_payment=True)
    BillingSubscription.objects.update(stripe_id="")
    Invoice.objects.all().delete()
    StripeEvent.objects.update(state="stored", attempts=0, retry_at=timezone.now())
    kill_amid("apply", server, "/v1/subscriptions/.*")
    assert StripeEvent.objects.filter(state="stored", attempts=1).exists()
    waiting.refresh_from_db()
    assert waiting.lifecycle == "pending"
    apply_all()  # two minutes later
    waiting.refresh_from_db()
    assert (waiting.lifecycle, waiting.payment, Invoice.objects.get().status) == ("active", "ok", "paid")
    assert not StripeEvent.objects.exclude(state="applied").exists()


def test_usage_between_told_and_noted_as_told(stripe_server: Stripe, server: Server, bought: Subscription) -> None:
    made = 0
    started = timezone.now() - timedelta(hours=KILLS + 2)
    BillingSubscription.objects.update(started_at=started, period_start=started)
    for number in range(1, KILLS + 1):
        calls(bought, timezone.now() - timedelta(hours=number), number)
        made += number
        kill_amid("tell", server, "/v1/billing/meter_events")
        assert OutgoingUsage.objects.filter(state="due").exists()
        OutgoingUsage.objects.filter(state="due").update(retry_at=timezone.now())  # an hour later
    wait_until(lambda: counted_by_stripe() > 0, "Stripe has done what it was asked for")
    tasks.tell_usage()
    assert not OutgoingUsage.objects.exclude(state="sent").exists()
    assert sum(MeterWindow.objects.values_list("quantity", flat=True)) == made
    assert counted_by_stripe() == made


def test_the_nightly_repair(stripe_server: Stripe, server: Server, waiting: Subscription) -> None:
    buy(stripe_server, waiting)
    Subscription.objects.update(lifecycle="pending", payment="none", awaits_payment=True)
    StripeEvent.objects.all().delete()
    Invoice.objects.all().delete()
    kill_amid("repair", server, "/v1/subscriptions/.*")
    tasks.repair_billing()  # the next night
    apply_all()
    waiting.refresh_from_db()
    assert (waiting.lifecycle, waiting.payment, Invoice.objects.get().status) == ("active", "ok", "paid")
    assert not StripeEvent.objects.exclude(state="applied").exists()


@pytest.mark.parametrize(
    ("chosen_before", "plan", "path"),
    [
        pytest.param("", "small", "/v1/subscription_schedules", id="the schedule of a cheaper plan was made"),
        pytest.param(
            "small", "free", "/v1/subscription_schedules/.*/release", id="a schedule was let go for a free plan",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "free", "small", "/v1/subscriptions/.*", id="a free plan was let go for a cheaper one",
            marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_a_change_of_plan_between_its_two_requests(
    stripe_server: Stripe, server: Server, bought: Subscription, chosen_before: str, plan: str, path: str
) -> None:
    plans = {name: offer(bought.product, name, terms) for name, terms in (("small", priced("9.00")), ("free", None))}
    if chosen_before:
        switch_plan(subscription=bought, plan=plans[chosen_before], by=TESTER)
    kill_amid("switch", server, path, plan, method="POST")
    stripe_id = BillingSubscription.objects.get().stripe_id
    wait_until(lambda: is_first_request_done(stripe_id, chosen_before), "Stripe has done what it was asked for")
    tasks.look_after_payments()  # within its time somebody may still be at it
    assert BillingSubscription.objects.get().switch_claim
    BillingSubscription.objects.update(switch_claimed_until=timezone.now())  # two minutes later
    tasks.look_after_payments()
    change = PlanChange.objects.get()
    assert (change.kind, change.to_version.plan.name) == ("scheduled", plan)
    assert BillingSubscription.objects.get().switch_claim == ""
    assert [invoice.total for invoice in Invoice.objects.all()] == [2900]


def is_first_request_done(stripe_id: str, chosen_before: str) -> bool:
    """True when a schedule was made, or what was chosen before is let go."""
    found = require_connection().driver.find("subscription", stripe_id)
    has_next = bool(found["schedule"] or found["metadata"].get(OUR_NEXT))
    return has_next is not bool(chosen_before)
