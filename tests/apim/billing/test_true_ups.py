"""Bounds of spend and arrears are on Stripe's invoices to the minor unit, as our own rating says.

Each case is checkable by hand: 29.00 in advance, 0.01 a call. Promise B13.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from apim.billing import tasks
from apim.billing.connection import require_connection
from apim.billing.invoices import sync_invoice
from apim.billing.models import Invoice
from apim.billing.reconciling import reconcile
from apim.billing.telling import cancel_at_provider
from tests.apim.billing.counting import calls
from tests.apim.billing.selling import BASE, CALLS, Sell, close_period
from tests.factories.accounts import TESTER
from tests.payments import Stripe

pytestmark = pytest.mark.django_db

LATER = {"name": "support", "model": "flat", "amount": "5.00", "term": "arrears"}


CASES: dict[str, tuple[dict[str, Any], int, int, int]] = {
    # the plan, calls, calls that come late, the subtotal: the next 29.00 are on it
    "nothing used, up to the minimum": ({"prices": [BASE, CALLS], "minimumSpend": "50.00"}, 0, 0, 5000),
    "a part of the minimum used": ({"prices": [BASE, CALLS], "minimumSpend": "50.00"}, 1000, 0, 5000),
    "the minimum used": ({"prices": [BASE, CALLS], "minimumSpend": "50.00"}, 2100, 0, 5000),
    "more than the minimum used": ({"prices": [BASE, CALLS], "minimumSpend": "50.00"}, 2101, 0, 5001),
    "late calls make the line smaller": ({"prices": [BASE, CALLS], "minimumSpend": "50.00"}, 1000, 500, 5000),
    "late calls make the line go": ({"prices": [BASE, CALLS], "minimumSpend": "50.00"}, 1000, 1200, 5100),
    "a minimum of one price": ({"prices": [BASE, CALLS | {"minimum": "10.00"}]}, 300, 0, 3900),
    "capped": ({"prices": [BASE, CALLS], "maximumSpend": {"amount": "40.00"}}, 5000, 0, 4000),
    "not yet capped": ({"prices": [BASE, CALLS], "maximumSpend": {"amount": "40.00"}}, 1099, 0, 3999),
    "late calls above the cap": ({"prices": [BASE, CALLS], "maximumSpend": {"amount": "40.00"}}, 2000, 900, 4000),
    "arrears": ({"prices": [CALLS, LATER]}, 100, 0, 600),
    "arrears beside an advance": ({"prices": [BASE, CALLS, LATER]}, 0, 0, 3400),
    "minimum below a cap": (
        {"prices": [BASE, CALLS], "minimumSpend": "35.00", "maximumSpend": {"amount": "40.00"}},
        9000,
        0,
        4000,
    ),
    "yen": (
        {
            "currency": "JPY",
            "prices": [BASE | {"amount": "2900"}, CALLS | {"unit": "1"}],
            "minimumSpend": "5000",
            "maximumSpend": {"amount": "6000"},
        },
        1234,
        0,
        5000,
    ),
    "dinars": (
        {
            "currency": "KWD",
            "prices": [BASE | {"amount": "29.000"}, CALLS | {"unit": "0.010"}],
            "maximumSpend": {"amount": "40.500"},
        },
        1234,
        0,
        40500,
    ),
}


QUICK = ("late calls make the line smaller", "late calls above the cap", "arrears beside an advance", "yen")


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name, marks=() if name in QUICK else pytest.mark.slow) for name, case in CASES.items()],
)
def test_the_invoice_is_what_the_bounds_say(
    stripe_server: Stripe, sell: Sell, case: tuple[dict[str, Any], int, int, int]
) -> None:
    terms, used, late, subtotal = case
    with time_machine.travel(timezone.now(), tick=True) as clock:
        sold = sell(**terms)
        first = Invoice.objects.get()
        assert not first.difference  # with usage alone there is nothing on it to compare
        invoice = close_period(stripe_server, clock, sold, used, late)
        assert (invoice.subtotal, invoice.local_subtotal, invoice.difference, invoice.note) == (
            subtotal,
            subtotal,
            0,
            "",
        )
        assert reconcile(require_connection()) == 0


def test_who_cancels_at_once_pays_what_was_committed_of_the_begun_period(stripe_server: Stripe, sell: Sell) -> None:
    with time_machine.travel(timezone.now() + timedelta(hours=1), tick=True):
        sold = sell([BASE, CALLS, LATER], minimumSpend="50.00")
        cancel_at_provider(subscription=sold, is_at_period_end=False, by=TESTER)
        stripe_server.deliver()
        last = Invoice.objects.exclude(reason="subscription_create").get()
        # 50.00 less the 29.00 that were paid in advance; 5.00 of them are arrears
        assert (last.subtotal, last.local_subtotal, last.difference) == (2100, 2100, 0)


@pytest.mark.slow
def test_who_cancels_at_the_end_of_the_period_pays_the_same(stripe_server: Stripe, sell: Sell) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        sold = sell([BASE, CALLS], minimumSpend="50.00")
        cancel_at_provider(subscription=sold, is_at_period_end=True, by=TESTER)
        last = close_period(stripe_server, clock, sold, 100)
        assert (last.subtotal, last.difference) == (2100, 0)


@pytest.mark.slow
def test_a_trial_owes_no_minimum(stripe_server: Stripe, sell: Sell) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        sold = sell([BASE, CALLS], minimumSpend="50.00", trial={"days": 7, "paymentMethod": "required"})
        invoice = close_period(stripe_server, clock, sold, 100)
        assert (invoice.subtotal, invoice.difference) == (2900, 0)


def test_a_lost_answer_puts_the_line_on_the_draft_once(stripe_server: Stripe, sell: Sell) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        sold = sell([BASE, CALLS], minimumSpend="50.00")
        stripe_server.control("faults", kind="lose_answer", method="POST", path="/v1/invoiceitems", times=2)
        invoice = close_period(stripe_server, clock, sold, 100, late=50)
        assert (invoice.subtotal, invoice.difference) == (5000, 0)
        assert sum(line["part"] == "minimum spend" for line in invoice.lines) == 1


@pytest.mark.slow
def test_what_is_final_stays_though_usage_comes_later(stripe_server: Stripe, sell: Sell) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        sold = sell([BASE, CALLS], minimumSpend="50.00")
        invoice = close_period(stripe_server, clock, sold, 100)
        calls(sold, invoice.period_start - timedelta(hours=9), 5000)
        tasks.tell_usage()
        assert sync_invoice(require_connection(), invoice.pk).subtotal == 5000
