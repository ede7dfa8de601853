"""What tests of changes of plan share: plans on offer, cards that fail, a clock to move, the end of a period."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.connection import require_connection
from apim.billing.models import BillingSubscription, Invoice
from apim.billing.switching import find_change, switch_plan
from apim.errors import Conflict, Invalid
from apim.products.limits import Terms
from apim.products.models import Plan, Product, ProductPlan
from tests.factories import products
from tests.factories.accounts import TESTER
from tests.payments import BROKEN_CARD, GOOD_CARD, PRICING, Stripe, buy

AT_ONCE = {"downgrade": "immediate"}
CARDS = {BROKEN_CARD: "pm_card_chargeCustomerFail", GOOD_CARD: "pm_card_visa"}


def priced(amount: str, **more: Any) -> dict[str, Any]:
    """Terms of a plan that costs so much a month, with the calls of the others."""
    return {**PRICING, "prices": [{**PRICING["prices"][0], "amount": amount}, PRICING["prices"][1]], **more}


def offer(product: Product, name: str, pricing: dict[str, Any] | None, **terms: Any) -> Plan:
    """A plan of the product."""
    plan = products.plan(organization=product.organization, name=name, terms=Terms(pricing=pricing, **terms))
    ProductPlan.objects.create(product=product, plan=plan, position=9)
    return plan


@pytest.fixture
def clock() -> Iterator[time_machine.Coordinates]:
    """A clock that tests move, for us and the stand-in."""
    with time_machine.travel(timezone.now(), tick=True) as traveller:
        yield traveller


@pytest.fixture
def paid(clock: time_machine.Coordinates, stripe_server: Stripe, waiting: Subscription) -> Subscription:
    """A subscription of 29.00 that is paid, half of its period over."""
    bought = buy(stripe_server, waiting)
    mirror = BillingSubscription.objects.get()
    assert mirror.period_start is not None
    assert mirror.period_end is not None
    clock.move_to(mirror.period_start + (mirror.period_end - mirror.period_start) / 2)
    stripe_server.control("time", seconds=0)
    return bought


def use_card(number: str) -> None:
    """What follows is charged from another card."""
    mirror = BillingSubscription.objects.get()
    client = require_connection().driver._client  # type: ignore[attr-defined]
    found = client.v1.subscriptions.retrieve(mirror.stripe_id)
    method = client.v1.payment_methods.attach(CARDS[number], params={"customer": found.customer})
    client.v1.subscriptions.update(mirror.stripe_id, params={"default_payment_method": method.id})


def renew(stripe_server: Stripe, clock: time_machine.Coordinates) -> None:
    """The period ends, its invoice is final and Stripe's events are applied."""
    stripe_server.deliver()  # later its signatures would be too old
    mirror = BillingSubscription.objects.filter(subscription__lifecycle__in=Subscription.LIVE).get()
    assert mirror.period_end is not None
    clock.move_to(mirror.period_end + timedelta(hours=2))
    stripe_server.control("time", seconds=0)
    stripe_server.deliver()


def totals() -> list[int]:
    """What was invoiced, oldest first."""
    return list(Invoice.objects.order_by("created_at", "stripe_id").values_list("total", flat=True))


def differences() -> set[tuple[int | None, str]]:
    """How far our rating of each invoice is from Stripe's, and why."""
    return set(Invoice.objects.exclude(status="void").values_list("difference", "note"))


def plan_of(subscription: Subscription) -> str:
    """The plan that is granted."""
    subscription.refresh_from_db()
    return subscription.plan_version.plan.name


def change_of(subscription: Subscription) -> tuple[str, str] | None:
    """What is on its way."""
    change = find_change(subscription)
    return (change.kind, change.to_version.plan.name) if change else None


def refusal(subscription: Subscription, plan: Plan) -> str:
    """Why the plan cannot be chosen."""
    with pytest.raises((Conflict, Invalid)) as refused:
        switch_plan(subscription=subscription, plan=plan, by=TESTER)
    return refused.value.code
