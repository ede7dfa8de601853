"""An admin's patience holds from the next look at the clock on, and ends when it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing import tasks
from apim.billing.models import BillingSubscription
from apim.billing.standing import set_patience
from tests.factories.accounts import TESTER
from tests.payments import BROKEN_CARD, Stripe, buy
from tests.switching import use_card

pytestmark = pytest.mark.django_db


def test_who_was_refused_passes_again_for_as_long_as_an_admin_gives_time(
    stripe_server: Stripe, waiting: Subscription
) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        bought = buy(stripe_server, waiting)
        mirror = BillingSubscription.objects.get()
        use_card(BROKEN_CARD)
        stripe_server.deliver()
        assert mirror.period_end is not None
        clock.move_to(mirror.period_end + timedelta(days=17))
        stripe_server.control("time", seconds=0)
        stripe_server.deliver()

        def payment() -> str:
            tasks.look_after_payments()
            bought.refresh_from_db()
            return bought.payment

        assert payment() == "suspended"
        until = timezone.now() + timedelta(days=5)
        set_patience(mirror=BillingSubscription.objects.get(), until=until, by=TESTER, reason="They wrote.")
        assert payment() == "grace"
        clock.shift(timedelta(days=6))
        assert payment() == "suspended"
