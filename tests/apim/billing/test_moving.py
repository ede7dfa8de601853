"""Moving paid subscriptions to another version of their plan: Stripe bills what the gateway grants."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from apim.access.models import Subscription
from apim.access.services import revise_plan, subscribe
from apim.billing.connection import require_connection
from apim.billing.models import BillingSubscription
from apim.billing.moving import move_subscriptions
from apim.errors import Conflict
from apim.products.limits import Terms
from apim.products.models import Product, ProductPlan
from tests.factories import access, products
from tests.factories.accounts import TESTER
from tests.payments import PRICING, Stripe

pytestmark = pytest.mark.django_db

DEARER: dict[str, Any] = {**PRICING, "prices": [{**PRICING["prices"][0], "amount": "39.00"}, PRICING["prices"][1]]}


def test_stripe_bills_the_new_version_from_the_next_invoice_on(stripe_server: Stripe, bought: Subscription) -> None:
    version = revise_plan(plan=bought.plan_version.plan, terms=Terms(pricing=DEARER), by=TESTER)
    bought.refresh_from_db()
    assert bought.plan_version.number == 1

    done = move_subscriptions(version=version, by=TESTER, subscription_ids=[bought.id])

    assert (done.moved, dict(done.failed)) == ([bought.id], {})
    stripe_server.deliver()  # what Stripe says afterwards takes nothing back
    bought.refresh_from_db()
    assert (bought.plan_version, bought.lifecycle, bought.payment) == (version, "active", "ok")
    assert bought.plan_version.terms.recurring == Decimal("39.00")
    mirror = BillingSubscription.objects.get()
    found = require_connection().driver.find("subscription", mirror.stripe_id)
    keys = {each["price"]["lookup_key"] for each in found["items"]["data"]}
    assert keys == {"bank-payments:starter:v2:base:EUR", "bank-payments:starter:v2:calls:EUR"}
    again = move_subscriptions(version=version, by=TESTER, subscription_ids=[bought.id])
    assert again.moved == []
    assert BillingSubscription.objects.get().version == mirror.version


def test_who_stripe_cannot_bill_so_stays(stripe_server: Stripe, bought: Subscription) -> None:
    free = revise_plan(
        plan=bought.plan_version.plan, terms=Terms(pricing={"migration": {"existing": "keep"}}), by=TESTER
    )
    done = move_subscriptions(version=free, by=TESTER, subscription_ids=[bought.id])
    assert done.moved == []
    assert "cancel it there first" in done.failed[bought.id]
    yearly = revise_plan(plan=bought.plan_version.plan, terms=Terms(pricing={**DEARER, "interval": "year"}), by=TESTER)
    done = move_subscriptions(version=yearly, by=TESTER, subscription_ids=[bought.id])
    assert "charge it at once" in done.failed[bought.id]
    later = {"name": "later", "model": "flat", "amount": "9.00", "term": "arrears"}
    odd = revise_plan(plan=bought.plan_version.plan, terms=Terms(pricing={**DEARER, "prices": [later]}), by=TESTER)
    with pytest.raises(Conflict) as refused:
        move_subscriptions(version=odd, by=TESTER, subscription_ids=[bought.id])
    assert refused.value.code == "billing.not_sellable"
    bought.refresh_from_db()
    assert bought.plan_version.number == 1


def test_a_plan_that_moves_its_subscribers_leaves_paid_ones_to_be_moved_at_stripe(
    stripe_server: Stripe, bought: Subscription
) -> None:
    terms = Terms(pricing={**DEARER, "migration": {"existing": "move"}})
    revise_plan(plan=bought.plan_version.plan, terms=terms, by=TESTER)
    bought.refresh_from_db()
    assert bought.plan_version.number == 1


def test_who_has_a_plan_for_nothing_is_not_moved_to_one_that_nobody_would_pay(
    stripe_server: Stripe, product: Product
) -> None:
    plan = products.plan(organization=product.organization, name="gift", terms=Terms())
    ProductPlan.objects.create(product=product, plan=plan, position=9)
    free = subscribe(application=access.application(), product=product, plan=plan, by=TESTER)
    version = revise_plan(plan=plan, terms=Terms(pricing=DEARER), by=TESTER)
    done = move_subscriptions(version=version, by=TESTER, subscription_ids=[free.id])
    assert done.moved == []
    assert "costs nothing now" in done.failed[free.id]
    free.refresh_from_db()
    assert free.plan_version.number == 1
