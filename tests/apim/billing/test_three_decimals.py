"""Dinars have three decimals and cards carry two: what we ask of Stripe, and rate, ends in 0 on each line. B13."""

from __future__ import annotations

import pytest
import time_machine

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.billing.models import BillingSubscription, Invoice
from apim.billing.switch_previews import preview_switch
from apim.billing.switching import switch_plan
from apim.billing.telling import cancel_at_provider
from apim.products.models import Product
from tests.apim.billing.counting import use_calls
from tests.factories import access
from tests.factories.accounts import TESTER
from tests.payments import Stripe, buy
from tests.switching import differences, offer, priced, totals

pytestmark = pytest.mark.django_db


def sell(stripe_server: Stripe, product: Product, clock: time_machine.Coordinates, **more: object) -> Subscription:
    """A plan of 9.250 dinars that is paid, half of its period over."""
    plan = offer(product, "dinars", priced("9.250", currency="KWD", **more))
    application = access.application(name="shop")
    bought = buy(
        stripe_server, subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True)
    )
    mirror = BillingSubscription.objects.get()
    assert mirror.period_start is not None
    assert mirror.period_end is not None
    clock.move_to(mirror.period_start + (mirror.period_end - mirror.period_start) / 2)
    stripe_server.control("time", seconds=0)
    return bought


@pytest.mark.parametrize(("proration", "total"), [("time", 30_380), ("none", 35_010)])
def test_a_change_of_plan_is_rated_as_it_is_charged(
    stripe_server: Stripe, product: Product, clock: time_machine.Coordinates, proration: str, total: int
) -> None:
    """Of 70.015 half a month: 35.0075 -> 35.010. Of 9.250: 4.625 -> 4.630, given back or kept."""
    bought = sell(stripe_server, product, clock, change={"proration": proration})
    growth = offer(product, "growth", priced("70.020", currency="KWD"))
    shown = preview_switch(subscription=bought, plan=growth)
    assert shown.charge is not None
    assert (shown.charge.total, shown.charge.difference) == (total, 0)
    switch_plan(subscription=bought, plan=growth, by=TESTER, shown_at=shown.shown_at)
    stripe_server.deliver()
    assert totals() == [9250, total]
    assert differences() == {(0, "")}


def test_what_was_committed_is_asked_for_in_amounts_that_can_be_charged(
    stripe_server: Stripe, product: Product, clock: time_machine.Coordinates
) -> None:
    """Of the minimum of 50.000, 9.250 are paid ahead and 0.0048 used: 40.7452 -> 40.750, and nothing for the calls."""
    bought = sell(stripe_server, product, clock, minimumSpend="50.000")
    use_calls(bought, 100_012)
    clock.shift(3600)
    cancel_at_provider(subscription=bought, is_at_period_end=False, by=TESTER)
    stripe_server.deliver()
    last = Invoice.objects.exclude(reason="subscription_create").get()
    assert (last.subtotal, last.difference, last.note) == (40_750, 0, "")
