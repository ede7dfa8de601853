"""Invoices and giving back over REST: previewed, once a key, by who sells alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from apim.access.models import Subscription
from apim.accounts.models import Membership
from apim.billing.models import Adjustment, Invoice
from tests.apim.api.conftest import MakeClient
from tests.factories.accounts import member
from tests.payments import Stripe

pytestmark = pytest.mark.django_db

Commits = Callable[..., AbstractContextManager[list[Callable[[], None]]]]


def test_a_part_is_previewed_and_given_back_once(
    api: MakeClient,
    stripe_server: Stripe,
    bought: Subscription,
    django_capture_on_commit_callbacks: Commits,
) -> None:
    invoice = Invoice.objects.get()
    seller = api(member(bought.product.organization, "seller@example.com", role=Membership.Role.OWNER))
    payer = api(member(bought.organization, "payer@example.com"))
    shown = payer.get(f"/api/v1/invoices/{invoice.pk}").json()
    assert (shown["total"], shown["difference"], shown["status"]) == ("29.00", "0.00", "paid")
    line = next(each["id"] for each in shown["lines"] if each["amount"] == "29.00")
    page = f"/api/v1/invoices/{invoice.pk}/adjustments"
    wish = {"lines": [{"line": line, "amount": "9.00"}], "reason": "An outage."}
    assert payer.post(page, wish, format="json").status_code == 403
    planned = seller.post(page, wish | {"dry_run": True}, format="json").json()
    assert (planned["refund_amount"], planned["credit_amount"]) == ("9.00", "0.00")
    assert not Adjustment.objects.exists()
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            made = seller.post(page, wish, format="json", headers={"Idempotency-Key": "once"})
        assert made.status_code == 201
    (row,) = payer.get(page).json()["data"]
    assert (row["state"], row["amount"], row["lines"][0]["amount"]) == ("done", "9.00", "9.00")
    refused = seller.post(page, {"amount": "20.01", "reason": "Much."}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (400, "billing.too_much")
