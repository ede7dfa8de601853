"""Plans with prices that are wished for, approved first, or bought beside a free one; and what becomes of wishes."""

from __future__ import annotations

import pytest

from apim.access.models import Application, Subscription
from apim.access.services import approve_subscription, reject_subscription, subscribe
from apim.errors import Conflict
from apim.products.limits import Terms
from apim.products.models import Plan, Product, ProductPlan
from tests.factories import access, products
from tests.factories.accounts import TESTER
from tests.payments import PRICING, Stripe, buy

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Application:
    return access.application(name="shop")


def offer(product: Product, name: str, terms: Terms) -> Plan:
    plan = products.plan(organization=product.organization, name=name, terms=terms)
    ProductPlan.objects.create(product=product, plan=plan, position=9)
    return plan


def choose(shop: Application, product: Product, plan: Plan) -> Subscription:
    return subscribe(application=shop, product=product, plan=plan, by=TESTER, is_checkout=True)


def test_who_has_a_free_plan_keeps_it_until_the_other_is_paid(
    stripe_server: Stripe, product: Product, shop: Application
) -> None:
    free = offer(product, "free", Terms())
    subscription = choose(shop, product, free)
    wished = choose(shop, product, product.plans.get(name="starter"))
    assert (wished.lifecycle, wished.plan_version.plan, wished.awaits_payment) == ("active", free, True)
    assert not Subscription.objects.awaiting_decision().exists()
    bought = buy(stripe_server, subscription)
    assert (bought.plan_version.plan.name, bought.payment, bought.awaits_payment) == ("starter", "ok", False)
    assert bought.requested_plan_version is None
    with pytest.raises(Conflict) as refused:
        choose(shop, product, free)
    assert refused.value.code == "access.plan_is_billed"


def test_a_wish_is_taken_back_by_choosing_the_plan_in_force(product: Product, shop: Application) -> None:
    free = offer(product, "free", Terms())
    choose(shop, product, free)
    choose(shop, product, product.plans.get(name="starter"))
    kept = choose(shop, product, free)
    assert (kept.plan_version.plan, kept.requested_plan_version, kept.awaits_payment) == (free, None, False)


def test_what_an_owner_approves_begins_once_it_is_paid(
    stripe_server: Stripe, product: Product, shop: Application
) -> None:
    plan = offer(product, "manual", Terms(approval="manual", pricing=PRICING))
    asked = choose(shop, product, plan)
    assert (asked.lifecycle, asked.awaits_payment, asked.is_awaiting_decision) == ("pending", False, True)
    approved = approve_subscription(subscription=asked, by=TESTER)
    assert (approved.lifecycle, approved.awaits_payment, approved.is_awaiting_decision) == ("pending", True, False)
    assert buy(stripe_server, approved).lifecycle == "active"


def test_what_an_owner_rejects_is_never_paid(product: Product, shop: Application) -> None:
    asked = choose(shop, product, offer(product, "manual", Terms(approval="manual", pricing=PRICING)))
    rejected = reject_subscription(subscription=asked, by=TESTER, reason="Ask sales.")
    assert (rejected.lifecycle, rejected.awaits_payment) == ("rejected", False)


def test_another_plan_chosen_before_paying_takes_the_place_of_the_first(
    stripe_server: Stripe, product: Product, shop: Application
) -> None:
    choose(shop, product, product.plans.get(name="starter"))
    free = choose(shop, product, offer(product, "free", Terms()))
    assert (free.lifecycle, free.awaits_payment, free.plan_version.plan.name) == ("active", False, "free")
