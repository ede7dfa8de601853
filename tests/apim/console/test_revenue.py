"""The page of revenue: an owner sees what own products earn and nothing of others; the same as a table to download."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.utils import timezone
from pytest_django import Settings

from apim.access.models import Subscription
from apim.accounts.models import User
from apim.billing.models import BillingSubscription, Invoice
from tests.conftest import LogIn
from tests.factories.accounts import member
from tests.factories.billing import sold
from tests.stripe_server.keys import TEST_KEY

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _test_mode(settings: Settings) -> None:
    settings.STRIPE_API_KEY = TEST_KEY


def test_an_owner_sees_what_own_products_earn_and_another_one_nothing(
    waiting: Subscription,
    other_owner: User,
    log_in: LogIn,
) -> None:
    sold(waiting, plan=waiting.plan_version.plan, at=timezone.now(), usage=1296)
    owner = member(waiting.product.organization, "seller@example.org", role="owner")
    shown = log_in(owner).get("/console/revenue").content.decode()
    assert "29.00 EUR" in shown
    assert "12.96 EUR" in shown
    assert "MRR by month: 0.00 EUR" in shown
    assert "Nothing was sold yet" in log_in(other_owner).get("/console/revenue").content.decode()


def test_the_table_opens_in_spreadsheets(
    waiting: Subscription,
    admin: User,
    log_in: LogIn,
) -> None:
    sold(waiting, plan=waiting.plan_version.plan, at=timezone.now())
    answer = log_in(admin).get("/console/revenue.csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert (len(rows), rows[-1]["Currency"], rows[-1]["MRR"], rows[-1]["New"]) == (12, "EUR", "29.00", "29.00")


def test_months_without_an_amount_draw_no_axes(
    waiting: Subscription,
    admin: User,
    log_in: LogIn,
) -> None:
    invoice = sold(waiting, plan=waiting.plan_version.plan, at=timezone.now())
    shown = log_in(admin).get("/console/revenue").content.decode()
    assert "MRR by month: 0.00 EUR" in shown
    assert "No usage was charged for in these 12 months." in shown
    assert "No plan with a fixed price was paid for" not in shown

    Invoice.objects.filter(pk=invoice.pk).update(status="uncollectible")  # given up: no MRR
    shown = log_in(admin).get("/console/revenue").content.decode()
    assert "No plan with a fixed price was paid for in these 12 months." in shown
    assert 'class="chart' not in shown


def test_what_is_owed_is_told_in_its_currency(
    waiting: Subscription,
    admin: User,
    log_in: LogIn,
) -> None:
    invoice = sold(waiting, plan=waiting.plan_version.plan, at=timezone.now())
    owing = re.compile(r'Owing</span><span class="stat__value">([^<]*)</span><span class="stat__note">([^<]*)<')
    client = log_in(admin)
    assert owing.findall(client.get("/console/revenue").content.decode()) == [("0.00 EUR", "Nobody owes anything.")]

    Invoice.objects.filter(pk=invoice.pk).update(status="open", attempts=1, amount_remaining=2900)
    BillingSubscription.objects.update(unpaid_since=timezone.now())
    assert owing.findall(client.get("/console/revenue").content.decode()) == [("29.00 EUR", "for 1 subscription")]
