"""The log of an application: filters in the URL, pages, CSV, and what made-up queries get."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apim.access.models import Application
from apim.accounts.models import Organization, User
from apim.gateways.models import Environment
from apim.usage.models import UsageRecord
from tests.conftest import LogIn
from tests.factories import access as access_factory

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(initech: Organization, environment: Environment) -> Application:
    return access_factory.application(of=initech, name="shop")


@pytest.fixture
def client(log_in: LogIn, developer: User) -> Client:
    return log_in(developer)


def call(shop: Application, number: int, **fields: object) -> None:
    """One exchange, so many minutes ago."""
    values = {"operation": "GET /accounts", "status": 200, "credential_id": "crd_1"} | fields
    UsageRecord.objects.create(
        gateway_id="gtw_1", boot="b", seq=number, request_id=f"req-{number}",
        at=timezone.now() - timedelta(minutes=number), environment_id="env_1", path="/", application_id=shop.id,
        duration_us=1, upstream_us=1, request_bytes=1, response_bytes=1, **values,
    )  # fmt: skip


def shown(client: Client, shop: Application, query: str) -> list[int]:
    page = client.get(f"/my/apps/{shop.id}/requests{query}").content.decode()
    return [number for number in range(1, 200) if f'Request req-{number}"' in page]


def test_calls_are_narrowed_by_operation_key_time_and_answer(client: Client, shop: Application) -> None:
    key = access_factory.issued_key(application=shop).credential
    call(shop, 1)
    call(shop, 2, operation="POST /payments", status=429)
    call(shop, 3, credential_id=key.id)
    call(shop, 120)
    assert shown(client, shop, "") == [1, 2, 3, 120]
    assert shown(client, shop, "?operation=payments") == [2]
    assert shown(client, shop, f"?key={key.id}") == [3]
    assert shown(client, shop, "?range=1h") == [1, 2, 3]
    assert shown(client, shop, "?status=4xx") == [2]
    assert shown(client, shop, "?status=4xx&operation=accounts") == []
    assert "None that fits" in client.get(f"/my/apps/{shop.id}/requests?operation=nothing").content.decode()


def test_pages_keep_their_filters(client: Client, shop: Application) -> None:
    for number in range(1, 60):
        call(shop, number)
    page = client.get(f"/my/apps/{shop.id}/requests?range=24h").content.decode()
    assert "range=24h&amp;before=" in page or "before=" in page.split("range=24h", 1)[1]
    before = page.split("before=", 1)[1].split("&", 1)[0].split('"', 1)[0]
    assert shown(client, shop, f"?range=24h&before={before}") == list(range(26, 51))


@pytest.mark.parametrize(
    "query",
    ["?before=-1", "?before=9" + "9" * 40, "?before=9999999999999999-1", "?before=²", "?range=x", "?status=abcdef"],
)
def test_made_up_queries_show_the_page(client: Client, shop: Application, query: str) -> None:
    call(shop, 1)
    assert shown(client, shop, query) == [1]


def test_the_csv_holds_what_the_filters_leave_and_no_formula(client: Client, shop: Application) -> None:
    call(shop, 1, client_request_id="=cmd|' /C calc'!A0")
    call(shop, 2, status=500)
    text = client.get(f"/my/apps/{shop.id}/requests.csv?status=2xx").content.decode()
    assert text.startswith("\ufeff")
    assert "req-1" in text
    assert "req-2" not in text
    assert ",=cmd" not in text


def test_a_stranger_sees_nothing(log_in: LogIn, stranger: User, shop: Application) -> None:
    client = log_in(stranger)
    assert client.get(f"/my/apps/{shop.id}/requests.csv").status_code == 404


def test_calls_of_who_had_the_application_before_are_not_shown(client: Client, shop: Application) -> None:
    call(shop, 1, organization_id=shop.organization_id)
    call(shop, 2, organization_id="org_before")
    assert shown(client, shop, "") == [1]
    assert client.get("/my/requests/req-1").status_code == 200
    assert client.get("/my/requests/req-2").status_code == 404
    assert b"req-2" not in client.get(f"/my/apps/{shop.id}/requests.csv").content
    assert "req-2" not in client.get(f"/my/apps/{shop.id}").content.decode()


@pytest.mark.parametrize("page", ["", "/usage", "/requests", "/requests.csv"])
def test_links_of_the_release_before_lead_to_the_same_range(client: Client, shop: Application, page: str) -> None:
    answer = client.get(f"/my/apps/{shop.pk}{page}?span=24h")
    assert (answer.status_code, answer["Location"]) == (302, f"/my/apps/{shop.pk}{page}?range=24h")
