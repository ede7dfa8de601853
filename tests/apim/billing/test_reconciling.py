"""Reconciling asks the database by the batch, however many invoices are in it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.billing.connection import require_connection
from apim.billing.models import Invoice
from apim.billing.reconciling import reconcile
from tests.apim.billing.counting import calls
from tests.apim.billing.selling import BASE, CALLS, Sell, close_period
from tests.payments import Stripe

pytestmark = pytest.mark.django_db

COPIES = 20


def queries() -> int:
    """How many queries a night's comparison makes."""
    with CaptureQueriesContext(connection) as asked:
        assert reconcile(require_connection()) == 0
    return len(asked)


def test_more_invoices_ask_no_more_of_the_database(stripe_server: Stripe, sell: Sell) -> None:
    with time_machine.travel(timezone.now(), tick=True) as clock:
        sold = sell([BASE, CALLS])
        close_period(stripe_server, clock, sold, 80)
        calls(sold, timezone.now() - timedelta(hours=1), 1)  # what is used since is of no invoice yet
        few = queries()
        (first, last) = Invoice.objects.order_by("created_at")
        assert (first.local_subtotal, last.local_subtotal) == (2900, 2900 + 80)
        for number in range(COPIES):
            for invoice in (first, last):
                invoice.pk = f"in_copy_{invoice.reason}_{number}"
                invoice.difference = None
                invoice.save(force_insert=True)
        assert queries() == few
        assert set(Invoice.objects.values_list("difference", flat=True)) == {0}
