"""What terms say of a change of plan: whose price usage has, what is given back, when it holds, and what cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import pause_subscription
from apim.billing import tasks
from apim.billing.models import BillingSubscription, OutgoingUsage
from apim.billing.switch_previews import preview_switch
from apim.billing.switching import switch_plan
from apim.errors import Conflict
from apim.products.limits import Terms
from apim.products.models import Plan, Product
from apim.products.services import archive_plan
from tests.apim.billing.counting import add_calls, use_calls
from tests.factories import products
from tests.factories.accounts import TESTER
from tests.payments import PRICING, Stripe, buy
from tests.switching import change_of, differences, offer, plan_of, priced, refusal, renew, totals

pytestmark = pytest.mark.django_db


def test_usage_that_was_not_told_yet_is_billed_by_the_plan_it_was_made_with(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    use_calls(paid, 132_400)
    dear = offer(product, "growth", priced("49.00"))
    shown = preview_switch(subscription=paid, plan=dear)
    assert shown.charge is not None
    assert (shown.charge.total, shown.charge.difference) == (2296, 0)  # and 32,400 calls above the old plan's
    switch_plan(subscription=paid, plan=dear, by=TESTER, shown_at=shown.shown_at)
    assert not OutgoingUsage.objects.exclude(state="sent").exists()
    stripe_server.deliver()
    assert totals() == [2900, 2296]
    renew(stripe_server, clock)
    assert totals() == [2900, 2296, 4900]
    assert differences() == {(0, "")}


def test_calls_after_the_change_are_billed_by_the_new_plan_though_the_hour_is_the_same(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    clock.move_to(hour + timedelta(minutes=20, seconds=30))
    add_calls(paid, hour, hour + timedelta(minutes=20), 100_010)
    tiers = [{"upTo": 5, "unit": "0"}, {"unit": "1.00"}]
    dear = {**PRICING, "prices": [PRICING["prices"][0] | {"amount": "49.00"}, PRICING["prices"][1] | {"tiers": tiers}]}
    switch_plan(subscription=paid, plan=offer(product, "growth", dear), by=TESTER)
    stripe_server.deliver()
    add_calls(paid, hour, hour + timedelta(minutes=20), 3)  # within the minute of the change
    add_calls(paid, hour, hour + timedelta(minutes=25), 7)
    clock.shift(timedelta(minutes=6))
    tasks.tell_usage()
    assert not OutgoingUsage.objects.exclude(state="sent").exists()
    renew(stripe_server, clock)
    assert totals()[-1] == 4900 + (3 + 7 - 5) * 100
    assert differences() == {(0, "")}


def test_the_last_usage_of_a_plan_is_compared_though_the_next_one_asks_for_nothing_in_advance(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    by_usage = offer(product, "by-usage", {**PRICING, "prices": [PRICING["prices"][1]]})
    use_calls(paid, 132_400)
    switch_plan(subscription=paid, plan=by_usage, by=TESTER)
    tasks.tell_usage()
    renew(stripe_server, clock)
    assert (plan_of(paid), totals(), differences()) == ("by-usage", [2900, 1296], {(0, "")})


@pytest.mark.parametrize(("proration", "total"), [("max-consumption", 1580), ("none", 2450)])
def test_what_is_given_back_is_what_the_plan_that_is_left_says(
    stripe_server: Stripe, product: Product, waiting: Subscription, clock: time_machine.Coordinates,
    proration: str, total: int,
) -> None:  # fmt: skip
    limits = [{"meter": "bank-calls", "included": 100_000, "onExceed": "bill"}]
    left = offer(product, "left", priced("29.00", limits=limits, change={"proration": proration}))
    waiting.plan_version = left.versions.get()
    waiting.save()
    bought = buy(stripe_server, waiting)
    mirror = BillingSubscription.objects.get()
    assert mirror.period_start is not None
    assert mirror.period_end is not None
    clock.move_to(mirror.period_start + (mirror.period_end - mirror.period_start) / 2)
    use_calls(bought, 70_000)  # 29.00 x (1 - 0.7) = 8.70 instead of 14.50
    growth = offer(product, "growth", priced("49.00"))
    shown = preview_switch(subscription=bought, plan=growth)
    assert shown.charge is not None
    assert (shown.charge.total, shown.charge.difference) == (total, 0)
    switch_plan(subscription=bought, plan=growth, by=TESTER, shown_at=shown.shown_at)
    stripe_server.deliver()
    assert totals() == [2900, total]
    assert differences() == {(0, "")}


@pytest.mark.slow
def test_a_plan_may_say_that_dearer_ones_wait_and_cheaper_ones_hold_at_once(
    stripe_server: Stripe, product: Product, waiting: Subscription
) -> None:
    change = {"upgrade": "period-end", "downgrade": "immediate", "proration": "time"}
    left = offer(product, "left", priced("29.00", change=change))
    waiting.plan_version = left.versions.get()
    waiting.save()
    bought = buy(stripe_server, waiting)
    switch_plan(subscription=bought, plan=offer(product, "growth", priced("49.00")), by=TESTER)
    assert (plan_of(bought), change_of(bought)) == ("left", ("scheduled", "growth"))
    switch_plan(subscription=bought, plan=offer(product, "small", priced("9.00")), by=TESTER)
    assert (plan_of(bought), change_of(bought)) == ("small", None)


def test_in_a_trial_another_plan_holds_at_once_and_costs_nothing(
    stripe_server: Stripe, product: Product, waiting: Subscription, clock: time_machine.Coordinates
) -> None:
    trial = {"days": 14, "paymentMethod": "required"}
    waiting.plan_version = offer(product, "tried", priced("29.00", trial=trial)).versions.get()
    waiting.save()
    bought = buy(stripe_server, waiting)
    use_calls(bought, 132_400)
    tasks.tell_usage()
    switch_plan(subscription=bought, plan=offer(product, "growth", priced("49.00")), by=TESTER)
    stripe_server.deliver()
    assert (plan_of(bought), totals()) == ("growth", [0])
    renew(stripe_server, clock)
    assert (plan_of(bought), totals()) == ("growth", [0, 4900])


def test_what_cannot_be_billed_so_is_refused_in_words(
    stripe_server: Stripe, paid: Subscription, product: Product
) -> None:
    assert refusal(paid, offer(product, "dollars", priced("49.00", currency="USD"))) == "billing.currency_differs"
    assert (
        refusal(paid, offer(product, "manual", priced("49.00"), approval="manual")) == "billing.switch_needs_approval"
    )
    foreign = products.plan(organization=product.organization, name="foreign", terms=Terms(pricing=priced("49.00")))
    assert refusal(paid, foreign) == "access.plan_not_offered"
    private = offer(product, "private", priced("49.00"))
    Plan.objects.filter(pk=private.pk).update(visibility="private")
    assert refusal(paid, private) == "access.plan_not_offered"
    archived = offer(product, "archived", priced("49.00"))
    archive_plan(plan=archived, by=TESTER)
    assert refusal(paid, archived) == "access.plan_archived"
    growth = offer(product, "growth", priced("49.00"))
    with pytest.raises(Conflict, match="has just changed"):
        switch_plan(subscription=paid, plan=growth, by=TESTER, version_id="plv_of_yesterday")
    pause_subscription(subscription=paid, by=TESTER)
    assert refusal(paid, growth) == "billing.not_in_force"


def test_who_owes_something_pays_first(stripe_server: Stripe, paid: Subscription, product: Product) -> None:
    Subscription.objects.update(payment="grace")
    assert refusal(paid, offer(product, "growth", priced("49.00"))) == "billing.invoice_unpaid"
