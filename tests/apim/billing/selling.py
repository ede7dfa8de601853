"""Plans that are sold with terms of a test's own, and the end of a period of theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import subscribe
from apim.billing import tasks
from apim.billing.models import BillingSubscription, Invoice
from apim.products.limits import Terms
from apim.products.models import Product
from tests.apim.billing.counting import calls
from tests.factories import access, products
from tests.factories.accounts import TESTER
from tests.payments import Stripe, buy

Sell = Callable[..., Subscription]
BASE = {"name": "base", "model": "flat", "amount": "29.00"}
CALLS = {"name": "calls", "meter": "bank-calls", "model": "unit", "unit": "0.01"}


@pytest.fixture
def sell(stripe_server: Stripe, product: Product) -> Sell:
    """A paid subscription to a plan with these terms."""

    def sold(prices: list[dict[str, Any]], currency: str = "EUR", **more: Any) -> Subscription:
        pricing = {"currency": currency, "prices": prices, **more}
        plan = products.plan(organization=product.organization, name="bounded", terms=Terms(pricing=pricing))
        product.plans.add(plan)
        application = access.application(name="shop")
        waiting = subscribe(application=application, product=product, plan=plan, by=TESTER, is_checkout=True)
        return buy(stripe_server, waiting)

    return sold


def drain(stripe_server: Stripe) -> None:
    """Hand on all events, those that applying makes too: later their signatures would be too old."""
    while stripe_server.posted < len(stripe_server.settle()):
        stripe_server.deliver()


def close_period(stripe_server: Stripe, clock: Any, subscription: Subscription, used: int, late: int = 0) -> Invoice:
    """The invoice of the period that ends after so many calls; late ones come while it is a draft."""
    drain(stripe_server)
    clock.shift(timedelta(days=2))
    if used:
        calls(subscription, timezone.now() - timedelta(hours=2), used)
    tasks.tell_usage()
    drain(stripe_server)
    end = BillingSubscription.objects.get().period_end
    assert end is not None
    clock.move_to(end + timedelta(minutes=5))
    stripe_server.control("time", seconds=0)
    drain(stripe_server)
    if late:
        calls(subscription, end - timedelta(hours=3), late)
        tasks.tell_usage()
        drain(stripe_server)
    clock.shift(timedelta(hours=2))
    stripe_server.control("time", seconds=0)
    drain(stripe_server)
    return Invoice.objects.filter(reason="subscription_cycle").latest("created_at")
