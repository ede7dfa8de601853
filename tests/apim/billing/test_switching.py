"""Another plan for what is paid: charged once and only if paid, later where it is cheaper, taken back until then."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine

from apim.access.models import Subscription
from apim.billing import tasks
from apim.billing.models import BillingSubscription, Invoice, PlanChange, StripeEvent
from apim.billing.switch_previews import preview_switch
from apim.billing.switching import switch_plan, undo_switch
from apim.billing.telling import cancel_at_provider, resume_at_provider
from apim.errors import Conflict
from apim.products.models import Product
from apim.products.services import archive_plan
from tests.apim.billing.counting import use_calls
from tests.factories.accounts import TESTER
from tests.payments import BROKEN_CARD, PRICING, Stripe, apply_all, buy, hand_on
from tests.switching import AT_ONCE, change_of, differences, offer, plan_of, priced, refusal, renew, totals, use_card

pytestmark = pytest.mark.django_db


def apply_again() -> None:
    """Every event so far is applied once more."""
    StripeEvent.objects.update(state="stored")
    apply_all()


def test_a_dearer_plan_holds_at_once_for_the_price_that_was_shown(
    stripe_server: Stripe, paid: Subscription, product: Product
) -> None:
    growth = offer(product, "growth", priced("49.00"))
    shown = preview_switch(subscription=paid, plan=growth)
    assert shown.charge is not None
    assert (shown.charge.total, shown.charge.difference) == (1000, 0)  # half of 49.00 - 29.00
    done = switch_plan(
        subscription=paid, plan=growth, by=TESTER, version_id=shown.switch.version.id, shown_at=shown.shown_at
    )
    assert done.is_immediate
    assert (plan_of(paid), change_of(paid)) == ("growth", None)
    stripe_server.deliver()
    assert (plan_of(paid), totals()) == ("growth", [2900, 1000])


def test_two_presses_within_a_minute_charge_once(stripe_server: Stripe, paid: Subscription, product: Product) -> None:
    growth = offer(product, "growth", priced("49.00", change={"proration": "none"}))
    stale = Subscription.objects.get(pk=paid.pk)
    switch_plan(subscription=paid, plan=growth, by=TESTER)
    assert refusal(stale, growth) == "billing.plan_in_force"
    Subscription.objects.update(plan_version=stale.plan_version)  # the other press began before this one was told
    switch_plan(subscription=stale, plan=growth, by=TESTER)
    stripe_server.deliver()
    assert (plan_of(paid), totals()) == ("growth", [2900, 1000])


def test_a_card_that_fails_leaves_the_old_plan_until_the_change_is_paid(
    stripe_server: Stripe, paid: Subscription, product: Product
) -> None:
    growth = offer(product, "growth", priced("49.00"))
    use_card(BROKEN_CARD)
    switch_plan(subscription=paid, plan=growth, by=TESTER)
    stripe_server.deliver()
    assert (plan_of(paid), change_of(paid)) == ("starter", ("awaits-payment", "growth"))
    assert paid.payment == "ok"  # a change that nobody paid is no debt
    assert refusal(paid, growth) == "billing.change_awaits_payment"
    change = PlanChange.objects.get()
    assert stripe_server.pay(change.pay_url) in (200, 303)
    stripe_server.deliver()
    assert (plan_of(paid), change_of(paid), paid.payment) == ("growth", None, "ok")


@pytest.mark.slow
def test_a_change_that_nobody_pays_is_forgotten(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    use_card(BROKEN_CARD)
    switch_plan(subscription=paid, plan=offer(product, "growth", priced("49.00")), by=TESTER)
    stripe_server.deliver()
    clock.shift(timedelta(days=1))
    stripe_server.control("time", seconds=0)
    stripe_server.deliver()
    assert (plan_of(paid), change_of(paid), paid.payment) == ("starter", None, "ok")


@pytest.mark.slow
def test_what_waits_for_its_payment_is_taken_back(stripe_server: Stripe, paid: Subscription, product: Product) -> None:
    use_card(BROKEN_CARD)
    switch_plan(subscription=paid, plan=offer(product, "growth", priced("49.00")), by=TESTER)
    undo_switch(subscription=paid, by=TESTER)
    stripe_server.deliver()
    assert (plan_of(paid), change_of(paid), paid.payment) == ("starter", None, "ok")
    assert sorted(Invoice.objects.values_list("status", flat=True)) == ["paid", "void"]


def test_a_cheaper_plan_holds_with_the_next_period(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    small = offer(product, "small", priced("9.00"))
    shown = preview_switch(subscription=paid, plan=small)
    assert shown.charge is None
    assert shown.switch.at == BillingSubscription.objects.get().period_end
    switch_plan(subscription=paid, plan=small, by=TESTER)
    assert (plan_of(paid), change_of(paid)) == ("starter", ("scheduled", "small"))
    use_calls(paid, 132_400)
    tasks.tell_usage()
    renew(stripe_server, clock)
    assert (plan_of(paid), change_of(paid), paid.payment) == ("small", None, "ok")
    renew(stripe_server, clock)
    assert totals() == [2900, 1296 + 900, 900]
    assert differences() == {(0, "")}


def test_a_cheaper_plan_is_taken_back_before_it_holds(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    switch_plan(subscription=paid, plan=offer(product, "small", priced("9.00")), by=TESTER)
    undo_switch(subscription=paid, by=TESTER)
    assert change_of(paid) is None
    with pytest.raises(Conflict, match="No change of plan"):
        undo_switch(subscription=paid, by=TESTER)
    renew(stripe_server, clock)
    assert (plan_of(paid), totals()) == ("starter", [2900, 2900])


def test_a_free_plan_follows_at_the_end_of_the_period_with_the_same_applications(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    switch_plan(subscription=paid, plan=offer(product, "free", None), by=TESTER)
    paid.refresh_from_db()
    assert (paid.lifecycle, paid.ends_at, change_of(paid)) == ("active", None, ("scheduled", "free"))
    renew(stripe_server, clock)
    paid.refresh_from_db()
    following = Subscription.objects.live().get()
    assert (paid.lifecycle, following.lifecycle, plan_of(following)) == ("ended", "active", "free")
    assert list(following.applications.all()) == list(paid.applications.all())
    apply_again()
    assert Subscription.objects.live().get() == following


@pytest.mark.slow
def test_a_free_plan_that_would_follow_is_taken_back(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    switch_plan(subscription=paid, plan=offer(product, "free", None), by=TESTER)
    undo_switch(subscription=paid, by=TESTER)
    renew(stripe_server, clock)
    assert (plan_of(paid), paid.lifecycle, totals()) == ("starter", "active", [2900, 2900])


def test_who_cancels_what_a_free_plan_would_follow_has_nothing_after_it(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    switch_plan(subscription=paid, plan=offer(product, "free", None), by=TESTER)
    cancel_at_provider(subscription=paid, is_at_period_end=True, by=TESTER)
    paid.refresh_from_db()
    assert (paid.lifecycle, change_of(paid)) == ("canceled", None)
    renew(stripe_server, clock)
    assert not Subscription.objects.live().exists()


def test_who_chose_a_cheaper_plan_may_cancel_and_come_back_on_the_last_day(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    small = offer(product, "small", priced("9.00"))
    switch_plan(subscription=paid, plan=small, by=TESTER)
    cancel_at_provider(subscription=paid, is_at_period_end=True, by=TESTER)
    assert change_of(paid) is None
    assert refusal(paid, small) == "billing.cancelled"
    mirror = BillingSubscription.objects.get()
    stripe_server.deliver()
    assert mirror.period_end is not None
    clock.move_to(mirror.period_end - timedelta(hours=1))
    stripe_server.control("time", seconds=0)
    resume_at_provider(subscription=paid, by=TESTER)
    switch_plan(subscription=paid, plan=small, by=TESTER)
    renew(stripe_server, clock)
    assert (plan_of(paid), paid.lifecycle, totals()) == ("small", "active", [2900, 900])


def test_plans_without_a_price_in_advance_are_left_and_chosen_at_once(
    stripe_server: Stripe, waiting: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    by_usage = offer(product, "by-usage", {**PRICING, "prices": [PRICING["prices"][1]]})
    waiting.plan_version = by_usage.versions.get()
    waiting.save()
    bought = buy(stripe_server, waiting)
    clock.shift(timedelta(days=8))
    stripe_server.control("time", seconds=0)
    switch_plan(subscription=bought, plan=offer(product, "growth", priced("49.00", change=AT_ONCE)), by=TESTER)
    stripe_server.deliver()
    clock.shift(timedelta(days=1))
    stripe_server.control("time", seconds=0)
    switch_plan(subscription=bought, plan=by_usage, by=TESTER)
    stripe_server.deliver()
    assert (plan_of(bought), Invoice.objects.count(), differences()) == ("by-usage", 3, {(0, "")})


def test_a_dearer_plan_chosen_after_a_cheaper_one_takes_its_place(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    switch_plan(subscription=paid, plan=offer(product, "small", priced("9.00")), by=TESTER)
    switch_plan(subscription=paid, plan=offer(product, "growth", priced("49.00")), by=TESTER)
    assert (plan_of(paid), change_of(paid)) == ("growth", None)
    renew(stripe_server, clock)
    assert (plan_of(paid), totals()) == ("growth", [2900, 1000, 4900])


@pytest.mark.slow
def test_after_a_cheaper_plan_holds_another_change_is_possible(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    switch_plan(subscription=paid, plan=offer(product, "small", priced("9.00")), by=TESTER)
    renew(stripe_server, clock)
    smaller = offer(product, "smaller", priced("5.00"))
    switch_plan(subscription=paid, plan=smaller, by=TESTER)
    assert change_of(paid) == ("scheduled", "smaller")
    cancel_at_provider(subscription=paid, is_at_period_end=True, by=TESTER)
    paid.refresh_from_db()
    assert (paid.lifecycle, change_of(paid)) == ("canceled", None)


def test_a_plan_that_is_archived_meanwhile_is_still_what_was_chosen(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    small = offer(product, "small", priced("9.00"))
    switch_plan(subscription=paid, plan=small, by=TESTER)
    archive_plan(plan=small, by=TESTER)
    assert change_of(paid) == ("scheduled", "small")
    renew(stripe_server, clock)
    assert plan_of(paid) == "small"


def test_events_twice_and_backwards_end_in_the_same_plan(
    stripe_server: Stripe, paid: Subscription, product: Product, clock: time_machine.Coordinates
) -> None:
    growth, small = offer(product, "growth", priced("49.00")), offer(product, "small", priced("9.00"))
    switch_plan(subscription=paid, plan=growth, by=TESTER)
    switch_plan(subscription=paid, plan=small, by=TESTER)
    hand_on(stripe_server.settle()[: stripe_server.posted - 1 : -1])
    apply_again()
    assert (plan_of(paid), change_of(paid)) == ("growth", ("scheduled", "small"))
    stripe_server.posted = len(stripe_server.inbox.received)
    renew(stripe_server, clock)
    apply_again()
    assert (plan_of(paid), change_of(paid)) == ("small", None)
