"""What was given back by hand on Stripe's own pages is mirrored, once, whatever tells of it. Promise B12."""

from __future__ import annotations

import pytest

from apim.access.models import Subscription
from apim.billing import tasks
from apim.billing.connection import require_connection
from apim.billing.giving import left_of
from apim.billing.models import Adjustment, Invoice
from tests.payments import Stripe

pytestmark = pytest.mark.django_db


@pytest.fixture
def invoice(bought: Subscription) -> Invoice:
    """A paid invoice of 29.00 EUR."""
    return Invoice.objects.get(subscription=bought)


def test_a_refund_by_hand_at_stripe_is_mirrored_and_counts(stripe_server: Stripe, invoice: Invoice) -> None:
    (payment,) = require_connection().driver.list("invoice_payment", {"invoice": invoice.pk})
    intent = payment["payment"]["payment_intent"]
    made = require_connection().driver.make("refund", {"payment_intent": intent, "amount": 900}, key="by hand")
    stripe_server.deliver()
    row = Adjustment.objects.get()
    assert (row.is_mirrored, row.state, row.amount, row.stripe_id) == (True, "done", 900, made["id"])
    assert left_of(invoice).amount == 2000
    # A credit note that speaks of it takes its place.
    params = {"invoice": invoice.pk, "amount": 900, "refunds": [{"refund": made["id"], "amount_refunded": 900}]}
    require_connection().driver.make("credit_note", params, key="note by hand")
    stripe_server.deliver()
    assert {(row.state, row.amount) for row in Adjustment.objects.all()} == {("void", 900), ("done", 900)}
    assert left_of(invoice).amount == 2000
    stripe_server.deliver()
    tasks.apply_due_events()
    assert Adjustment.objects.count() == 2
