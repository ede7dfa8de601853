"""Invoices with more lines than Stripe brings along with one: the rest is read by page, so nothing is missing.

Checkable by hand: 29.00 in advance, twelve tiers of 100 calls at 0.01, 0.02 ... 0.12 each: 78.00.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from apim.billing import tasks
from apim.billing.switch_previews import preview_switch
from apim.products.models import Product
from tests.apim.billing.counting import calls
from tests.apim.billing.selling import BASE, Sell, close_period
from tests.payments import Stripe
from tests.switching import offer, priced

pytestmark = pytest.mark.django_db

TIERS = [{"upTo": 100 * number, "unit": f"0.{number:02}"} for number in range(1, 12)]
MANY = [BASE, {"name": "calls", "meter": "bank-calls", "model": "graduated", "tiers": [*TIERS, {"unit": "0.12"}]}]


def test_every_tier_of_an_invoice_is_read_and_rated(stripe_server: Stripe, sell: Sell) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        invoice = close_period(stripe_server, clock, sell(MANY), 1200)
        assert len(invoice.lines) == 13
        assert sum(line["amount"] for line in invoice.lines) == invoice.subtotal == 2900 + 7800
        assert (invoice.local_subtotal, invoice.difference, invoice.note) == (10700, 0, "")


def test_what_a_preview_cannot_bring_is_told_as_one_line(
    stripe_server: Stripe,
    sell: Sell,
    product: Product,
) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        sold = sell(MANY)
        clock.shift(timedelta(days=2))
        calls(sold, timezone.now() - timedelta(hours=2), 1200)
        tasks.tell_usage()
        shown = preview_switch(subscription=sold, plan=offer(product, "growth", priced("49.00")))
        assert shown.charge is not None
        assert (len(shown.charge.lines), shown.charge.lines[-1].name) == (11, "More usage")
        assert sum(line.amount for line in shown.charge.lines) == shown.charge.total
        assert shown.charge.difference == 0
