"""Plans that cost something: who may choose them, and what becomes of subscribers when they change."""

from __future__ import annotations

from typing import Any

import pytest

from apim.access import services
from apim.access.models import Application, Subscription
from apim.access.services import migrate_subscriptions, revise_plan, subscribe
from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment
from apim.products.limits import Terms
from apim.products.models import Plan
from apim.products.services import update_plan
from tests.apim.access.conftest import Log, Offer

pytestmark = pytest.mark.django_db


def priced(amount: str, **pricing: Any) -> Terms:
    prices = [{"name": "base", "model": "flat", "amount": amount}]
    return Terms(pricing={"currency": "EUR", "prices": prices, **pricing})


@pytest.fixture
def subscription(offer: Offer, shop: Application, by: Actor, environment: Environment) -> Subscription:
    """One of the plan `free`, which costs 10.00 by now."""
    revise_plan(plan=offer.free, terms=priced("10.00"), by=by)
    return subscribe(application=shop, product=offer.product, plan=offer.free, by=by, is_checkout=True)


def test_a_plan_with_prices_waits_for_payments(offer: Offer, shop: Application, by: Actor) -> None:
    revise_plan(plan=offer.free, terms=priced("10.00"), by=by)
    with pytest.raises(Conflict) as caught:
        subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    assert caught.value.code == "access.payments_not_set_up"
    assert "bought in the portal" in caught.value.message
    assert not Subscription.objects.exists()


def test_nobody_changes_from_a_free_plan_to_one_with_prices_unpaid(offer: Offer, shop: Application, by: Actor) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    revise_plan(plan=offer.large, terms=priced("10.00"), by=by)
    with pytest.raises(Conflict, match="bought in the portal"):
        subscribe(application=shop, product=offer.product, plan=offer.large, by=by)
    subscription.refresh_from_db()
    assert subscription.plan_version.plan == offer.free


def test_who_subscribed_for_nothing_keeps_that_when_the_plan_gets_a_price(
    offer: Offer, shop: Application, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    revise_plan(plan=offer.free, terms=priced("10.00"), by=by)
    subscription.refresh_from_db()
    assert subscription.plan_version.number == 1
    again = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    assert (again.pk, again.plan_version.number) == (subscription.pk, 1)


def test_a_dearer_version_leaves_subscribers_theirs(subscription: Subscription, offer: Offer, by: Actor) -> None:
    version = revise_plan(plan=offer.free, terms=priced("20.00"), by=by)
    subscription.refresh_from_db()
    assert (subscription.plan_version.number, version.number) == (2, 3)
    assert subscription.plan_version.terms.recurring == 10


def test_a_plan_may_say_that_subscribers_move(subscription: Subscription, offer: Offer, by: Actor) -> None:
    version = revise_plan(plan=offer.free, terms=priced("5.00", migration={"existing": "move"}), by=by)
    subscription.refresh_from_db()
    assert subscription.plan_version == version


def test_who_has_the_plan_for_nothing_is_moved_to_no_price_that_nobody_pays(
    offer: Offer, shop: Application, by: Actor
) -> None:
    subscription = subscribe(application=shop, product=offer.product, plan=offer.free, by=by)
    revise_plan(plan=offer.free, terms=priced("5.00", migration={"existing": "move"}), by=by)
    subscription.refresh_from_db()
    assert (subscription.lifecycle, subscription.plan_version.number) == ("active", 1)


def test_subscribers_are_moved_by_an_act_of_its_own(
    subscription: Subscription, offer: Offer, log: Log, by: Actor
) -> None:
    version = revise_plan(plan=offer.free, terms=priced("20.00"), by=by)
    assert migrate_subscriptions(version=version, by=by, subscription_ids=["sub_other"]) == []
    assert migrate_subscriptions(version=version, by=by, subscription_ids=[subscription.id]) == [subscription.id]
    assert migrate_subscriptions(version=version, by=by, subscription_ids=[subscription.id]) == []
    subscription.refresh_from_db()
    assert subscription.plan_version == version
    body = log.body("subscription", subscription.id)
    assert body is not None
    assert body["plan"] == version.id


def test_nobody_is_moved_to_a_version_that_is_not_in_force(subscription: Subscription, offer: Offer, by: Actor) -> None:
    older = offer.free.versions.get(number=1)
    with pytest.raises(Conflict) as caught:
        migrate_subscriptions(version=older, by=by, subscription_ids=[subscription.id])
    assert caught.value.code == "access.plan_version_not_active"


def test_a_private_plan_is_for_those_it_is_offered_to(
    offer: Offer, shop: Application, initech: Organization, by: Actor
) -> None:
    update_plan(plan=offer.large, changes={"visibility": Plan.Visibility.PRIVATE}, by=by)
    with pytest.raises(Invalid) as caught:
        subscribe(application=shop, product=offer.product, plan=offer.large, by=by)
    assert caught.value.code == "access.plan_not_offered"
    assert "large" not in caught.value.hint
    update_plan(plan=offer.large, changes={"offered_to": [initech]}, by=by)
    assert services.subscribe(application=shop, product=offer.product, plan=offer.large, by=by).plan_version.plan == (
        offer.large
    )
