"""Giving money back on pages: previewed, confirmed once, with a reason; by who sells, and not by who sells nothing."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from apim.access.models import Subscription
from apim.accounts.models import Membership, User
from apim.billing.models import Adjustment, Invoice
from tests.conftest import LogIn
from tests.factories.accounts import member
from tests.payments import Stripe

pytestmark = pytest.mark.django_db


def test_an_owner_sees_what_will_happen_and_gives_back_once(
    log_in: LogIn,
    stripe_server: Stripe,
    bought: Subscription,
) -> None:
    invoice = Invoice.objects.get()
    owner = member(bought.product.organization, "seller@example.com", role=Membership.Role.OWNER)
    client = log_in(owner)
    assert "29.00 EUR" in client.get("/console/invoices").content.decode()
    page = f"/console/invoices/{invoice.pk}"
    form = client.get(f"{page}/give-back").content.decode()
    key = re.search(r'name="key" value="(key_\w+)"', form)
    assert key is not None
    given = {"what": "part", "amount": "9.00", "way": "card", "reason": "An outage.", "key": key[1]}
    asked = client.post(f"{page}/give-back", given).content.decode()
    assert "Give 9.00 EUR back?" in asked
    assert not Adjustment.objects.exists()
    for _ in range(2):  # the second one of a double click
        client.post(f"{page}/give-back", given | {"confirmed": "1"})
    row = Adjustment.objects.get()
    assert (row.state, row.amount, row.made_by) == ("done", 900, owner.email)
    shown = client.get(page).content.decode()
    assert "An outage." in shown
    assert "20.00 EUR" in shown  # what can still be given back
    payer = log_in(member(bought.organization, "payer@example.com"))
    portal = payer.get("/my/billing").content.decode()
    assert "9.00 EUR given back" in portal
    assert "An outage." in portal
    refused = client.post(f"{page}/give-back", given | {"amount": "20.01", "key": "another"})
    assert (refused.status_code, "Only 20.00 EUR" in refused.content.decode()) == (422, True)
    assert payer.get(page).status_code == 403


def test_an_admin_gives_goodwill_and_a_stranger_to_money_is_told_why_not(
    log_in: LogIn,
    admin: User,
    stripe_server: Stripe,
    bought: Subscription,
) -> None:
    client = log_in(admin)
    page = f"/console/admin/organizations/{bought.organization.name}/goodwill"
    given = {"amount": "5.00", "currency": "EUR", "reason": "Sorry.", "key": "g"}
    client.post(page, given)
    row = Adjustment.objects.get()
    assert (row.state, row.credit_amount, row.invoice) == ("done", 500, None)
    assert "Sorry." in client.get(page).content.decode()
    other = f"/console/admin/organizations/{bought.product.organization.name}/goodwill"
    assert "They have no invoice" in client.get(other).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_invoices(
    log_in: LogIn,
    admin: User,
    waiting: Subscription,
    django_assert_max_num_queries: Callable[[int], object],
) -> None:
    client = log_in(admin)
    for number in range(12):
        row = _invoice(waiting, f"in_{number}")
        Adjustment.objects.create(
            key=f"k{number}", mode="test", organization=waiting.organization, invoice=row, state="done",
            currency="EUR", amount=1, made_by="a",
        )  # fmt: skip
    with django_assert_max_num_queries(12):  # type: ignore[attr-defined]
        assert "0.01 EUR" in client.get("/console/invoices").content.decode()


def _invoice(subscription: Subscription, stripe_id: str) -> Invoice:
    at = subscription.created_at
    return Invoice.objects.create(
        stripe_id=stripe_id, mode="test", organization=subscription.organization, subscription=subscription,
        status="paid", currency="EUR", subtotal=100, total=100, amount_paid=100, amount_remaining=0, period_start=at,
        period_end=at, created_at=at,
    )  # fmt: skip
