"""Moving subscribers to another version of their plan: told before, with the renewal, taken back until then."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import revise_plan, subscribe
from apim.billing import tasks
from apim.billing.connection import require_connection
from apim.billing.migrating import undo_migration
from apim.billing.models import BillingSubscription, MigrationMember, PlanMigration
from apim.billing.moving import Moved, move_subscriptions
from apim.billing.switching import switch_plan, undo_switch
from apim.errors import Conflict
from apim.notifications.models import Message
from apim.products.limits import Terms
from apim.products.models import PlanVersion, Product, ProductPlan
from tests.factories import access, products
from tests.factories.accounts import TESTER, member
from tests.payments import PRICING, Stripe, ask, buy
from tests.switching import offer, priced, renew, totals

pytestmark = pytest.mark.django_db

DEARER: dict[str, Any] = {**PRICING, "prices": [{**PRICING["prices"][0], "amount": "39.00"}, PRICING["prices"][1]]}


def moving(version: PlanVersion, subscription: Subscription, **more: Any) -> Moved:
    """The subscription on its way to the version."""
    return move_subscriptions(version=version, by=TESTER, subscription_ids=[subscription.id], **more)


def dearer(bought: Subscription) -> PlanVersion:
    """The next version of the plan."""
    return revise_plan(plan=bought.plan_version.plan, terms=Terms(pricing=DEARER), by=TESTER)


def states() -> list[str]:
    """How far those who are moved are."""
    return list(MigrationMember.objects.order_by("id").values_list("state", flat=True))


def test_what_is_paid_gets_the_new_version_with_its_renewal_and_is_told_of_it_before(
    clock: time_machine.Coordinates, stripe_server: Stripe, waiting: Subscription
) -> None:
    bought = buy(stripe_server, waiting)
    payer = member(bought.organization)
    version = dearer(bought)
    bought.refresh_from_db()
    assert bought.plan_version.number == 1

    done = moving(version, bought, words="Servers cost more.")

    assert (done.moved, done.scheduled, dict(done.failed)) == ([], [bought.id], {})
    mail = Message.objects.get(to=payer.email)
    assert "from 29.00 EUR a month becomes from 39.00 EUR a month" in mail.body
    assert "Servers cost more." in mail.body
    assert states() == ["scheduled"]
    with pytest.raises(Conflict) as refused:
        undo_switch(subscription=bought, by=TESTER)
    assert refused.value.code == "billing.not_yours_to_undo"
    tasks.advance_migrations()  # again, as the clock does
    assert "moved already" in moving(version, bought).failed[bought.id]
    renew(stripe_server, clock)
    tasks.advance_migrations()
    bought.refresh_from_db()
    assert (bought.plan_version, bought.lifecycle, bought.payment) == (version, "active", "ok")
    assert (states(), totals()) == (["applied"], [2900, 3900])
    mirror = BillingSubscription.objects.get()
    found = require_connection().driver.find("subscription", mirror.stripe_id)
    keys = {each["price"]["lookup_key"] for each in found["items"]["data"]}
    assert keys == {"bank-payments:starter:v2:base:EUR", "bank-payments:starter:v2:calls:EUR"}


@pytest.mark.slow
def test_nobody_moves_before_the_day_and_who_has_not_moved_is_taken_back(
    clock: time_machine.Coordinates, stripe_server: Stripe, waiting: Subscription
) -> None:
    bought = buy(stripe_server, waiting)
    version = dearer(bought)
    moving(version, bought, not_before=timezone.now() + timedelta(days=40))
    assert states() == ["waiting"]
    renew(stripe_server, clock)
    tasks.advance_migrations()
    bought.refresh_from_db()
    assert (bought.plan_version.number, states()) == (1, ["scheduled"])  # for the second renewal
    assert undo_migration(migration=PlanMigration.objects.get(), by=TESTER) == 1
    with pytest.raises(Conflict, match="Nothing of this migration"):
        undo_migration(migration=PlanMigration.objects.get(), by=TESTER)
    renew(stripe_server, clock)
    bought.refresh_from_db()
    assert (bought.plan_version.number, states(), totals()) == (1, ["undone"], [2900, 2900, 2900])


def test_a_try_that_fails_is_made_again_and_moves_once(
    clock: time_machine.Coordinates, stripe_server: Stripe, waiting: Subscription
) -> None:
    bought = buy(stripe_server, waiting)
    version = dearer(bought)
    path = "/v1/subscription_schedules/.*"  # the schedule is made, then Stripe fails
    stripe_server.control("faults", kind="error", method="POST", path=path, status=500, times=2)
    moving(version, bought)
    assert states() == ["waiting"]
    assert "Stripe says" in MigrationMember.objects.get().note
    ask(f"{stripe_server.address}/_control/faults", "DELETE")
    tasks.advance_migrations()
    assert states() == ["scheduled"]
    renew(stripe_server, clock)
    tasks.advance_migrations()
    assert (states(), totals()) == (["applied"], [2900, 3900])


def test_who_chooses_another_plan_meanwhile_is_let_be(
    stripe_server: Stripe, bought: Subscription, product: Product
) -> None:
    moving(dearer(bought), bought)
    switch_plan(subscription=bought, plan=offer(product, "growth", priced("49.00")), by=TESTER)
    tasks.advance_migrations()
    bought.refresh_from_db()
    assert (bought.plan_version.plan.name, states()) == ("growth", ["left"])


def test_what_costs_nothing_moves_at_once_or_from_the_day_on(
    clock: time_machine.Coordinates, stripe_server: Stripe, product: Product
) -> None:
    plan = offer(product, "gift", {"migration": {"existing": "keep"}})
    shops = [access.application(name=f"shop-{number}") for number in (1, 2)]
    first, second = (subscribe(application=shop, product=product, plan=plan, by=TESTER) for shop in shops)
    version = revise_plan(
        plan=plan,
        terms=Terms(rate={"requests": 5, "per_s": 1, "burst": 5}, pricing={"migration": {"existing": "keep"}}),
        by=TESTER,
    )
    assert moving(version, first).moved == [first.id]
    assert moving(version, second, not_before=timezone.now() + timedelta(days=3)).scheduled == [second.id]
    tasks.advance_migrations()
    assert states() == ["waiting"]
    clock.shift(timedelta(days=4))
    tasks.advance_migrations()
    second.refresh_from_db()
    assert (second.plan_version, states()) == (version, ["applied"])


def test_who_stripe_cannot_bill_so_stays(stripe_server: Stripe, bought: Subscription) -> None:
    free = revise_plan(
        plan=bought.plan_version.plan, terms=Terms(pricing={"migration": {"existing": "keep"}}), by=TESTER
    )
    done = move_subscriptions(version=free, by=TESTER, subscription_ids=[bought.id])
    assert done.moved == []
    assert "cancel it there first" in done.failed[bought.id]
    yearly = revise_plan(plan=bought.plan_version.plan, terms=Terms(pricing={**DEARER, "interval": "year"}), by=TESTER)
    done = move_subscriptions(version=yearly, by=TESTER, subscription_ids=[bought.id])
    assert "the new version by the year" in done.failed[bought.id]
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


def test_a_version_that_was_replaced_before_its_day_holds_up_nobody_else(
    clock: time_machine.Coordinates, stripe_server: Stripe, waiting: Subscription, product: Product
) -> None:
    kept: dict[str, Any] = {"migration": {"existing": "keep"}}
    plan = offer(product, "gift", kept)
    free = subscribe(application=access.application(name="other"), product=product, plan=plan, by=TESTER)
    second = revise_plan(plan=plan, terms=Terms(rate={"requests": 5, "per_s": 1, "burst": 5}, pricing=kept), by=TESTER)
    bought = buy(stripe_server, waiting)
    day = timezone.now() + timedelta(days=3)
    moving(second, free, not_before=day)
    moving(dearer(bought), bought, not_before=day)
    MigrationMember.objects.filter(subscription=bought).update(state="waiting")
    revise_plan(plan=plan, terms=Terms(rate={"requests": 6, "per_s": 1, "burst": 6}, pricing=kept), by=TESTER)
    clock.shift(timedelta(days=4))

    tasks.advance_migrations()

    assert states() == ["left", "scheduled"]
    assert "is not in force.\nAnother one replaced it" in MigrationMember.objects.get(subscription=free).note
    free.refresh_from_db()
    assert free.plan_version.number == 1
