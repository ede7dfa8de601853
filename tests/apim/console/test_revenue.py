"""The page of revenue: an owner sees what own products earn and nothing of others; the same as a table to download."""

from __future__ import annotations

import csv
import io

import pytest
from django.utils import timezone
from pytest_django import Settings

from apim.access.models import Subscription
from apim.accounts.models import User
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
