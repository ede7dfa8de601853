"""Usage by day and operation: the table, its columns, the file, and a constant price."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apim.access.models import Application
from apim.accounts.models import Organization, User
from apim.gateways.models import Environment
from apim.usage.models import UsageRollup
from apim.usage.periods import start_of
from tests.conftest import LogIn
from tests.factories import access as access_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(initech: Organization, environment: Environment) -> Application:
    return access_factory.application(of=initech, name="shop")


@pytest.fixture
def client(log_in: LogIn, developer: User) -> Client:
    return log_in(developer)


def called(shop: Application, days_ago: int, operation: str, calls: int, status: int = 200) -> None:
    UsageRollup.objects.create(
        period="day", at=start_of("day", timezone.now() - timedelta(days=days_ago)), environment_id="env_1",
        application_id=shop.id, operation=operation, status=status, calls=calls,
    )  # fmt: skip


def rows(client: Client, shop: Application, query: str = "") -> list[list[str]]:
    page = client.get(f"/my/apps/{shop.id}/days{query}").content.decode()
    drawn = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in drawn]


def test_each_day_tells_its_calls_by_operation_the_newest_first(client: Client, shop: Application) -> None:
    called(shop, 0, "GET /a", 5)
    called(shop, 0, "POST /b", 2, status=429)
    called(shop, 3, "GET /a", 1200)
    called(shop, 3, "GET /a", 3, status=502)
    called(shop, 40, "GET /old", 9)
    head, today, before = rows(client, shop)
    assert head == ["Day", "Calls", "Refused (4xx)", "Failed (5xx)", "GET /a", "POST /b"]
    assert today[1:] == ["7", "2", "0", "5", "2"]
    assert before[0] == f"{timezone.now() - timedelta(days=3):%Y-%m-%d}"
    assert before[1:] == ["1,203", "0", "3", "1,203", "0"]
    assert len(rows(client, shop, "?range=90d")) == 4
    assert len(rows(client, shop, "?range=7d")) == 3


def test_of_many_operations_the_most_called_have_columns_and_the_file_has_all(
    client: Client, shop: Application
) -> None:
    for number in range(8):
        called(shop, 1, f"GET /{number}", 10 + number)
    head, day = rows(client, shop)
    assert head[4:] == ["GET /7", "GET /6", "GET /5", "GET /4", "GET /3", "Other operations"]
    assert day[1] == "108"
    assert day[-1] == "33"
    lines = client.get(f"/my/apps/{shop.id}/days.csv").content.decode("utf-8-sig").splitlines()
    assert lines[0] == "day,operation,calls,refused,failed"
    assert len(lines) == 9
    assert lines[1] == f"{timezone.now() - timedelta(days=1):%Y-%m-%d},GET /7,17,0,0"


def test_without_calls_the_page_says_so(client: Client, shop: Application) -> None:
    assert "A day is shown here once it had a call." in client.get(f"/my/apps/{shop.id}/days?range=x").content.decode()


def test_more_days_and_operations_cost_no_more_queries(client: Client, shop: Application) -> None:
    called(shop, 1, "GET /a", 1)
    rows(client, shop)
    with CaptureQueriesContext(connection) as few:
        rows(client, shop)
    for number in range(20):
        called(shop, number, f"GET /{number}", 1)
    with CaptureQueriesContext(connection) as many:
        rows(client, shop)
    assert len(many) == len(few)
