"""A change of plan amid anything else: usage is charged by one plan alone, nothing twice, a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing import switch_finishing, tasks
from apim.billing.caps import watch_spending
from apim.billing.coming import OUR_NEXT
from apim.billing.connection import require_connection
from apim.billing.driver import DriverFailed
from apim.billing.models import BillingSubscription, Customer, Invoice, UsageCut
from apim.billing.reconciling import reconcile
from apim.billing.spending import RELATED, spendings
from apim.billing.standing import sync_subscription
from apim.billing.stripe_driver import StripeDriver
from apim.billing.switch_previews import preview_switch
from apim.billing.switching import switch_plan, undo_switch
from apim.billing.telling import cancel_at_provider
from apim.errors import Conflict
from apim.products.models import Product
from tests.apim.billing.counting import add_calls, use_calls
from tests.factories.accounts import TESTER
from tests.payments import BROKEN_CARD, GOOD_CARD, PRICING, Stripe, buy
from tests.switching import differences, offer, plan_of, priced, renew, totals, use_card

pytestmark = pytest.mark.django_db

Sell = Callable[..., Subscription]
LIMITS = [{"meter": "bank-calls", "included": 100_000, "onExceed": "bill"}]
DEAR_CALLS: dict[str, Any] = {"name": "calls", "meter": "bank-calls", "model": "unit", "unit": "0.001"}


@pytest.fixture
def sell(clock: time_machine.Coordinates, stripe_server: Stripe, product: Product, waiting: Subscription) -> Sell:
    """A subscription of 29.00 that is paid, half of its period over."""

    def sold(**more: Any) -> Subscription:
        if more:
            waiting.plan_version = offer(product, "left", priced("29.00", **more)).versions.get()
            waiting.save()
        bought = buy(stripe_server, waiting)
        mirror = BillingSubscription.objects.get()
        assert mirror.period_start is not None
        assert mirror.period_end is not None
        clock.move_to(mirror.period_start + (mirror.period_end - mirror.period_start) / 2)
        stripe_server.control("time", seconds=0)
        return bought

    return sold


def balance() -> int:
    """What the customer has at Stripe, in minor units; less than nothing is money for the customer."""
    found = require_connection().driver.find("customer", Customer.objects.get().stripe_id)
    return int(found["balance"])


@pytest.mark.parametrize(
    ("bounds", "last"),
    [
        pytest.param({"maximumSpend": {"amount": "100.00"}}, [], id="a maximum"),
        pytest.param({"minimumSpend": "50.00"}, [2100], id="a minimum", marks=pytest.mark.slow),
    ],
)
def test_bounds_of_the_plan_chosen_count_no_usage_of_the_one_that_was_left(
    stripe_server: Stripe, sell: Sell, product: Product, bounds: dict[str, Any], last: list[int]
) -> None:
    sold = sell()
    use_calls(sold, 1_000_000)
    chosen = offer(product, "chosen", {**PRICING, "prices": [PRICING["prices"][0], DEAR_CALLS], **bounds})
    switch_plan(subscription=sold, plan=chosen, by=TESTER)
    stripe_server.deliver()
    assert totals() == [2900, 36000]  # 900,000 calls by the plan that was left
    watch_spending()
    (spending,) = spendings(BillingSubscription.objects.select_related(*RELATED))
    assert spending.usage == {"bank-calls": 0}
    assert plan_of(sold) == "chosen"
    assert sold.capped_until is None
    cancel_at_provider(subscription=sold, is_at_period_end=False, by=TESTER)
    stripe_server.deliver()
    assert sorted(filter(None, totals())) == sorted([2900, 36000, *last])  # two of them may be of the same second
    assert balance() == 0
    assert differences() == {(0, "")}


def test_what_is_used_after_a_change_counts_for_the_plan_chosen(
    stripe_server: Stripe, sell: Sell, product: Product, clock: time_machine.Coordinates
) -> None:
    sold = sell()
    use_calls(sold, 1_000_000)
    bounds = {"maximumSpend": {"amount": "30.00"}}
    chosen = offer(product, "chosen", {**PRICING, "prices": [PRICING["prices"][0], DEAR_CALLS], **bounds})
    switch_plan(subscription=sold, plan=chosen, by=TESTER)
    clock.shift(timedelta(hours=2))
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    add_calls(sold, now, now, 1_000)  # 29.00 + 1.00
    watch_spending()
    sold.refresh_from_db()
    assert sold.capped_until == BillingSubscription.objects.get().period_end


def test_a_change_that_was_not_paid_leaves_the_quota_as_used_as_it_is(
    stripe_server: Stripe, sell: Sell, product: Product, clock: time_machine.Coordinates
) -> None:
    sold = sell(limits=LIMITS, change={"proration": "max-consumption"})
    use_calls(sold, 90_000)
    growth = offer(product, "growth", priced("49.00"))
    use_card(BROKEN_CARD)
    switch_plan(subscription=sold, plan=growth, by=TESTER)
    undo_switch(subscription=sold, by=TESTER)
    stripe_server.deliver()
    assert plan_of(sold) == "left"
    clock.shift(timedelta(minutes=2))
    use_card(GOOD_CARD)
    shown = preview_switch(subscription=sold, plan=growth)
    assert shown.charge is not None
    assert shown.charge.difference == 0
    assert 2155 <= shown.charge.total <= 2160  # 24.50 for half of the period, less 29.00 x (1 - 0.9)
    switch_plan(subscription=sold, plan=growth, by=TESTER, shown_at=shown.shown_at)
    stripe_server.deliver()
    assert (plan_of(sold), balance()) == ("growth", 0)


def at_stripe() -> tuple[bool, bool]:
    """Whether the subscription ends with its period at Stripe, and whether a free plan follows it then."""
    found = require_connection().driver.find("subscription", BillingSubscription.objects.get().stripe_id)
    return bool(found["cancel_at_period_end"]), bool(found["metadata"].get(OUR_NEXT))


def test_a_refused_change_leaves_what_was_chosen_before(stripe_server: Stripe, sell: Sell, product: Product) -> None:
    sold = sell()
    switch_plan(subscription=sold, plan=offer(product, "free", None), by=TESTER)
    use_calls(sold, 10)
    stripe_server.control("faults", kind="error", path="/v1/billing/meter_events", status=503, times=100)
    with pytest.raises(Conflict) as refused:
        switch_plan(subscription=sold, plan=offer(product, "growth", priced("49.00")), by=TESTER)
    assert refused.value.code == "billing.usage_untold"
    assert at_stripe() == (True, True)
    assert not UsageCut.objects.exists()


def test_a_cancellation_that_fails_leaves_what_was_chosen_before(
    stripe_server: Stripe, sell: Sell, product: Product
) -> None:
    sold = sell(minimumSpend="50.00")
    switch_plan(subscription=sold, plan=offer(product, "free", None), by=TESTER)
    stripe_server.control("faults", kind="error", path="/v1/invoiceitems", status=503, times=100)
    with pytest.raises(Conflict) as refused:
        cancel_at_provider(subscription=sold, is_at_period_end=False, by=TESTER)
    assert refused.value.code == "billing.provider_failed"
    assert at_stripe() == (True, True)


@pytest.mark.parametrize(
    "is_synced",
    [
        pytest.param(False, id="nothing between them", marks=pytest.mark.slow),
        pytest.param(True, id="a sync between them"),
    ],
)
def test_of_two_presses_at_the_same_moment_one_charges_and_the_other_is_told_so(
    stripe_server: Stripe, sell: Sell, product: Product, monkeypatch: pytest.MonkeyPatch, is_synced: bool
) -> None:
    sold = sell(change={"proration": "none"})
    growth = offer(product, "growth", priced("49.00"))
    pressed: list[str] = []
    change = StripeDriver.change

    def press_again(self: StripeDriver, kind: str, of: str, params: Any, *, key: str = "") -> Any:
        pressed.append(key)
        if len(pressed) == 1:  # the other one is pressed between what this one read and what it tells
            if is_synced:
                sync_subscription(require_connection(), of)
            with pytest.raises(Conflict) as refused:
                switch_plan(subscription=Subscription.objects.get(pk=sold.pk), plan=growth, by=TESTER)
            assert refused.value.code == "billing.switch_under_way"
        return change(self, kind, of, params, key=key)

    monkeypatch.setattr(StripeDriver, "change", press_again)
    switch_plan(subscription=sold, plan=growth, by=TESTER)
    assert len(pressed) == 1
    stripe_server.deliver()
    assert (plan_of(sold), totals()) == ("growth", [2900, 2450])
    assert BillingSubscription.objects.get().switch_claimed_until is None


def test_what_is_under_way_is_not_taken_back_meanwhile(
    stripe_server: Stripe, sell: Sell, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold = sell(change={"proration": "none"})
    switch_plan(subscription=sold, plan=offer(product, "small", priced("9.00")), by=TESTER)
    growth = offer(product, "growth", priced("49.00"))
    claims: list[str] = []
    change = StripeDriver.change

    def take_back(self: StripeDriver, kind: str, of: str, params: Any, *, key: str = "") -> Any:
        if key and not claims:  # the charge: from here on another press must find this one
            with pytest.raises(Conflict) as refused:
                undo_switch(subscription=Subscription.objects.get(pk=sold.pk), by=TESTER)
            assert refused.value.code == "billing.switch_under_way"
            claims.append(BillingSubscription.objects.get().switch_claim)
        return change(self, kind, of, params, key=key)

    monkeypatch.setattr(StripeDriver, "change", take_back)
    switch_plan(subscription=sold, plan=growth, by=TESTER)
    stripe_server.deliver()
    assert claims[0].startswith(f"{growth.pk}:")
    assert (plan_of(sold), totals()) == ("growth", [2900, 2450])
    assert BillingSubscription.objects.get().switch_claim == ""


def test_a_left_change_that_is_pressed_again_meanwhile_keeps_its_claim(
    stripe_server: Stripe, sell: Sell, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold = sell()
    growth = offer(product, "growth", priced("49.00"))
    mirror = BillingSubscription.objects.filter(subscription=sold)
    mirror.update(switch_claim=f"{growth.pk}:left", switch_claimed_until=timezone.now())

    def press(*_arguments: Any) -> None:
        mirror.update(switch_claimed_until=timezone.now() + timedelta(minutes=2))

    monkeypatch.setattr(switch_finishing, "sync_subscription", press)
    assert switch_finishing.finish_switches(require_connection()) == 0
    assert mirror.get().switch_claim == f"{growth.pk}:left"


def test_a_taking_back_that_died_is_in_the_way_of_nobody(stripe_server: Stripe, sell: Sell, product: Product) -> None:
    sold = sell()
    mirror = BillingSubscription.objects.filter(subscription=sold)
    mirror.update(switch_claim=":died", switch_claimed_until=timezone.now())
    assert switch_finishing.finish_switches(require_connection()) == 0
    assert mirror.get().switch_claim == ""
    switch_plan(subscription=sold, plan=offer(product, "growth", priced("49.00")), by=TESTER)


def test_a_press_whose_answer_was_lost_is_charged_once_by_the_next_one(
    stripe_server: Stripe, sell: Sell, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold = sell(change={"proration": "none"})
    growth = offer(product, "growth", priced("49.00"))
    shown_at = preview_switch(subscription=sold, plan=growth).shown_at
    asked: list[str] = []
    change, find = StripeDriver.change, StripeDriver.find

    def lose_the_answer(self: StripeDriver, kind: str, of: str, params: Any, *, key: str = "") -> Any:
        asked.append(key)
        done = change(self, kind, of, params, key=key)
        if len(asked) == 1:
            monkeypatch.setattr(StripeDriver, "find", away)
            raise DriverFailed("Nobody answers.", is_passing=True)
        return done

    def away(*_arguments: Any) -> Any:
        monkeypatch.setattr(StripeDriver, "find", find)
        raise DriverFailed("Nobody answers.", is_passing=True)

    monkeypatch.setattr(StripeDriver, "change", lose_the_answer)
    with pytest.raises(Conflict) as refused:
        switch_plan(subscription=sold, plan=growth, by=TESTER, shown_at=shown_at)
    assert refused.value.code == "billing.provider_failed"
    switch_plan(subscription=sold, plan=growth, by=TESTER, shown_at=shown_at)
    stripe_server.deliver()
    assert (plan_of(sold), totals()) == ("growth", [2900, 2450])


def test_a_change_that_stripe_refused_can_be_tried_again(stripe_server: Stripe, sell: Sell, product: Product) -> None:
    sold = sell()
    growth = offer(product, "growth", priced("49.00"))
    shown_at = preview_switch(subscription=sold, plan=growth).shown_at
    stripe_server.control("faults", kind="error", method="POST", path="/v1/subscriptions/.*", status=400, times=1)
    with pytest.raises(Conflict):
        switch_plan(subscription=sold, plan=growth, by=TESTER, shown_at=shown_at)
    assert BillingSubscription.objects.get().switch_claim == ""  # under the same key Stripe would say the same
    switch_plan(subscription=sold, plan=growth, by=TESTER, shown_at=shown_at)
    assert plan_of(sold) == "growth"


def test_what_a_gateway_tells_late_of_the_time_before_a_change_counts_for_the_plan_chosen_and_is_named(
    stripe_server: Stripe, sell: Sell, product: Product, clock: time_machine.Coordinates
) -> None:
    sold = sell()
    use_calls(sold, 100_000)
    chosen = offer(product, "chosen", {**PRICING, "prices": [PRICING["prices"][0], DEAR_CALLS]})
    switch_plan(subscription=sold, plan=chosen, by=TESTER)
    stripe_server.deliver()
    use_calls(sold, 1_000)  # by the plan that was left 0.40, by the one chosen 1.00
    clock.shift(timedelta(minutes=5))
    tasks.tell_usage()
    renew(stripe_server, clock)
    assert totals() == [2900, 0, 2900 + 100]
    reconcile(require_connection())
    named = Invoice.objects.exclude(difference=0).order_by("created_at").values_list("difference", "note")
    assert list(named) == [
        (-40, "calls: Stripe has 0.00 EUR, we have 0.40 EUR."),
        (100, "calls: Stripe has 1.00 EUR, we have 0.00 EUR."),
    ]
