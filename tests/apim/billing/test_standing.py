"""Read models follow what Stripe says now, never what it said before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from apim.access.models import Subscription
from apim.billing.connection import require_connection
from apim.billing.invoices import sync_invoice
from apim.billing.models import Invoice
from apim.billing.stripe_driver import StripeDriver
from tests.payments import Stripe

pytestmark = pytest.mark.django_db


def test_who_read_an_invoice_before_it_was_paid_does_not_make_it_unpaid_again(
    stripe_server: Stripe, bought: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = StripeDriver.find

    def before(driver: StripeDriver, kind: str, key: str) -> Mapping[str, Any]:
        return {**find(driver, kind, key), "status": "open", "amount_paid": 0, "amount_remaining": 2900}

    monkeypatch.setattr(StripeDriver, "find", before)
    invoice = sync_invoice(require_connection(), Invoice.objects.get().stripe_id)
    assert (invoice.status, Invoice.objects.get().status, Invoice.objects.get().amount_remaining) == ("paid", "paid", 0)
