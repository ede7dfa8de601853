"""A rehearsal walks a customer of its own through a plan, tells what each step came to, and leaves no trace."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from apim.access.models import Subscription
from apim.accounts.models import Organization
from apim.billing.connection import require_connection
from apim.billing.models import Customer, Invoice, MeterWindow, Rehearsal, RehearsalStep, StripeEvent
from apim.billing.rehearsing import STEPS, cancel_rehearsal, start_rehearsal, take_step, tend_rehearsals
from apim.errors import Conflict
from apim.gateways.models import AccessRecord, Environment
from apim.gateways.services import default_environment, enroll_gateway
from apim.notifications.models import Message
from apim.products.limits import Terms
from apim.products.models import Plan, Product
from apim.usage.models import UsageRollup, VersionRollup
from tests.factories import products
from tests.factories.accounts import TESTER
from tests.factories.usage import batch, event, ingest
from tests.payments import PRICING, Stripe, ask
from tests.prepaid import PREPAID, prepaid_product
from tests.stripe_server.keys import LIVE_KEY

pytestmark = pytest.mark.django_db


def walk(rehearsal: Rehearsal) -> Rehearsal:
    """The rehearsal after all of its steps."""
    while take_step(rehearsal.id):
        pass
    rehearsal.refresh_from_db()
    return rehearsal


def told(rehearsal: Rehearsal, name: str) -> RehearsalStep:
    """A step of the rehearsal."""
    return rehearsal.steps.get(name=name)


def test_it_walks_from_the_payment_to_the_refund_and_leaves_no_trace_and_no_dead_letters(
    stripe_server: Stripe, product: Product
) -> None:
    before = {"organizations": Organization.objects.count(), "mails": Message.objects.count()}
    rehearsal = walk(start_rehearsal(plan=product.plans.get(), by=TESTER))
    states = {step.name: step.state for step in rehearsal.steps.all()}
    log = "\n".join(f"{step.name}: {step.log}" for step in rehearsal.steps.all())
    assert (rehearsal.state, states.pop("trial")) == ("done", "skipped"), log
    assert set(states.values()) == {"done"}, log
    assert "is active" in told(rehearsal, "paid").stripe_said[0]
    assert told(rehearsal, "overage").ledger_said[-1] == "bank-calls: 110,000 counted, 110,000 told to Stripe."
    assert told(rehearsal, "overage").stripe_said[-1] == "Stripe's meter of bank-calls says 110,000."
    assert any("33.00" in line for line in told(rehearsal, "failed-card").ledger_said)  # 29.00 and 10,000 calls
    payments = [told(rehearsal, name).ledger_said[0] for name in ("grace", "restricted", "suspended", "recovered")]
    assert payments == [f"Lifecycle active, payment {each}." for each in ("grace", "restricted", "suspended", "ok")]
    assert "33.00 EUR given back: done." in told(rehearsal, "refunded").ledger_said
    assert told(rehearsal, "paid").gateway_said[0].startswith(("No gateway", "Nobody has said"))

    assert rehearsal.is_removed
    assert not Customer.objects.exists()
    assert not any(model.objects.exists() for model in (Subscription, Invoice, MeterWindow, UsageRollup))
    assert {"organizations": Organization.objects.count(), "mails": Message.objects.count()} == before
    assert not AccessRecord.objects.exclude(body=None).exists()
    driver = require_connection().driver
    assert not list(driver.list("customer", {}))
    assert not list(driver.list("test_helpers.test_clock", {}))
    stripe_server.deliver()  # what Stripe tells of it afterwards
    assert StripeEvent.objects.exists()
    left = StripeEvent.objects.exclude(state="applied").values_list("type", "outcome")
    assert not list(left)


def test_a_failed_step_keeps_its_log_and_the_customer_is_removed(stripe_server: Stripe, product: Product) -> None:
    stripe_server.control("faults", kind="error", method="POST", path="/v1/subscriptions", status=402, times=9)
    rehearsal = walk(start_rehearsal(plan=product.plans.get(), by=TESTER))
    ask(f"{stripe_server.address}/_control/faults", "DELETE")
    step = told(rehearsal, "paid")
    assert (rehearsal.state, step.state, rehearsal.is_removed) == ("failed", "failed", True)
    assert step.log
    assert rehearsal.outcome.startswith("paid: ")
    assert told(rehearsal, "refunded").state == "skipped"
    assert not Customer.objects.exists()


def test_what_others_called_meanwhile_stays_counted(stripe_server: Stripe, product: Product) -> None:
    now = timezone.now()
    gateway = enroll_gateway(environment=default_environment(), name="embedded", by=TESTER).gateway
    ingest(gateway=gateway, batch=batch(*(event(seq, at=now) for seq in (1, 2, 3))))
    before = sums()
    rehearsal = walk(start_rehearsal(plan=product.plans.get(), by=TESTER))
    assert (rehearsal.state, rehearsal.is_removed) == ("done", True)
    assert sums() == before


def sums() -> list[dict[str, Any]]:
    """All calls of any API, by period."""
    every = VersionRollup.objects.filter(version_id=VersionRollup.EVERY).order_by("pk")
    return [*UsageRollup.objects.order_by("pk").values(), *every.values()]


def test_what_could_not_be_removed_is_removed_later(stripe_server: Stripe, product: Product) -> None:
    rehearsal = start_rehearsal(plan=product.plans.get(), by=TESTER)
    take_step(rehearsal.id)
    fault: dict[str, Any] = {"kind": "error", "method": "DELETE", "path": "/v1/test_helpers/.*", "status": 500}
    stripe_server.control("faults", times=1000, **fault)
    cancel_rehearsal(rehearsal=rehearsal, by=TESTER)
    assert not walk(rehearsal).is_removed
    ask(f"{stripe_server.address}/_control/faults", "DELETE")
    tend_rehearsals()
    rehearsal.refresh_from_db()
    assert (rehearsal.state, rehearsal.is_removed) == ("canceled", True)
    assert not Organization.objects.filter(name__startswith="reh-").exists()


def test_two_at_once_of_one_plan_are_refused(stripe_server: Stripe, product: Product) -> None:
    plan: Plan = product.plans.get()
    first = start_rehearsal(plan=plan, by=TESTER)
    with pytest.raises(Conflict) as refused:
        start_rehearsal(plan=plan, by=TESTER)
    assert refused.value.code == "billing.rehearsal_running"
    cancel_rehearsal(rehearsal=first, by=TESTER)
    assert walk(first).state == "canceled"
    with pytest.raises(Conflict):
        cancel_rehearsal(rehearsal=first, by=TESTER)
    assert start_rehearsal(plan=plan, by=TESTER).steps.count() == len(STEPS)


def test_whoever_comes_while_another_worker_is_at_it_does_nothing(stripe_server: Stripe, product: Product) -> None:
    rehearsal = start_rehearsal(plan=product.plans.get(), by=TESTER)
    assert take_step(rehearsal.id)
    Rehearsal.objects.update(beat_at=rehearsal.created_at)
    assert not take_step(rehearsal.id)
    assert rehearsal.steps.filter(state="done").count() == 1


def test_a_prepaid_plan_is_refused_in_words(stripe_server: Stripe, environment: Environment) -> None:
    product = prepaid_product(PREPAID)
    with pytest.raises(Conflict) as refused:
        start_rehearsal(plan=product.plans.get(), by=TESTER)
    assert refused.value.code == "billing.rehearsal_impossible"
    assert "It is prepaid" in str(refused.value)


def test_what_is_due_at_the_end_of_a_period_is_not_bought_in_advance(stripe_server: Stripe, product: Product) -> None:
    prices = [*PRICING["prices"], {"name": "care", "model": "flat", "amount": "10.00", "term": "arrears"}]
    terms = Terms(pricing=PRICING | {"prices": prices})
    plan = products.plan(organization=product.organization, name="caring", terms=terms)
    product.plans.add(plan)
    rehearsal = start_rehearsal(plan=plan, by=TESTER)
    while not rehearsal.stripe_id:
        assert take_step(rehearsal.id)
        rehearsal.refresh_from_db()
    items = require_connection().driver.find("subscription", rehearsal.stripe_id)["items"]["data"]
    assert len(items) == len(PRICING["prices"])
    cancel_rehearsal(rehearsal=rehearsal, by=TESTER)
    walk(rehearsal)


def test_it_is_refused_with_a_live_key(stripe_server: Stripe, product: Product, settings: Any) -> None:
    settings.STRIPE_API_KEY = LIVE_KEY
    with pytest.raises(Conflict) as refused:
        start_rehearsal(plan=product.plans.get(), by=TESTER)
    assert refused.value.code == "billing.rehearsal_live"
