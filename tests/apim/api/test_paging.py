"""Lists: pages, orders, filters, fields, and queries that do not grow with the rows (promise H33)."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apim.access.models import Application
from apim.accounts.models import Organization, User
from tests.apim.api.conftest import MakeClient, assert_problem, counted_queries
from tests.factories.access import application

pytestmark = pytest.mark.django_db

LISTS = (
    "applications",
    "credentials",
    "subscriptions",
    "apis",
    "versions",
    "products",
    "plans",
    "organizations",
    "members",
    "invitations",
    "users",
    "gateways",
    "environments",
    "audit-events",
    "tokens",
    "publications",
    "ceilings",
    "plans/starter/versions",
    "apis/bank/versions",
    "versions/bank:v1/revisions",
)


def test_a_list_is_read_page_by_page_in_the_order_asked_for(api: MakeClient, owner: User, acme: Organization) -> None:
    for number in range(7):
        application(of=acme, name=f"app-{number}")
    client, seen, after = api(owner), [], None
    while True:
        query = {"limit": 3, "sort": "-name", "total": "true"} | ({"after": after} if after else {})
        page = client.get("/api/v1/applications", query).json()
        assert page["total"] == 7
        seen += [row["name"] for row in page["data"]]
        after = page["next"]
        if after is None:
            break
    assert seen == [f"app-{number}" for number in range(6, -1, -1)]


def test_pages_hold_rows_of_equal_time_once_each(api: MakeClient, owner: User, acme: Organization) -> None:
    for number in range(5):
        application(of=acme, name=f"app-{number}")
    Application.objects.update(created_at=timezone.now())
    client = api(owner)
    first = client.get("/api/v1/applications", {"limit": 3, "sort": "created_at"}).json()
    query = {"limit": 3, "sort": "created_at", "after": first["next"]}
    second = client.get("/api/v1/applications", query).json()
    assert len({row["id"] for row in first["data"] + second["data"]}) == 5


@pytest.mark.parametrize(
    ("query", "code", "names"),
    [
        ({"limit": "201"}, "request.invalid", "200"),
        ({"limit": "1000000000"}, "request.invalid", "200"),
        ({"limit": "0"}, "request.invalid", "200"),
        ({"limit": "-1"}, "request.invalid", "200"),
        ({"limit": "²"}, "request.invalid", "200"),
        ({"sort": "token_hash"}, "request.unknown_parameter", "created_at"),
        ({"sort": "organization__members__password"}, "request.unknown_parameter", "created_at"),
        ({"sort": "--name"}, "request.unknown_parameter", "created_at"),
        ({"filter[nmae]": "x"}, "request.unknown_parameter", "filter[name]"),
        ({"filter[organization__members__password__startswith]": "a"}, "request.unknown_parameter", "filter[name]"),
        ({"page": "2"}, "request.unknown_parameter", "after"),
        ({"filter[state]": "nonsense"}, "request.invalid", "suspended"),
        ({"filter[name]": "a\0b"}, "request.invalid", ""),
        ({"filter[name]": "x" * 10_000}, "request.invalid", ""),
        ({"after": "nonsense"}, "request.invalid_cursor", "next"),
        ({"after": "WyJuYW1lIiwgbnVsbCwgbnVsbF0"}, "request.invalid_cursor", "next"),
        ({"after": "WyJuYW1lIiwge30sICJhIl0"}, "request.invalid_cursor", "next"),
    ],
)
def test_a_list_refuses_what_it_does_not_know(
    api: MakeClient, owner: User, query: dict[str, str], code: str, names: str
) -> None:
    problem = assert_problem(api(owner).get("/api/v1/applications", query), 400, code)
    assert names in problem["detail"]


def test_a_cursor_of_another_order_is_refused(api: MakeClient, owner: User, acme: Organization) -> None:
    for number in range(3):
        application(of=acme, name=f"app-{number}")
    client = api(owner)
    after = client.get("/api/v1/applications", {"limit": 1}).json()["next"]
    query = {"sort": "created_at", "after": after}
    assert_problem(client.get("/api/v1/applications", query), 400, "request.invalid_cursor")


def test_filters_pick_by_name_and_id(api: MakeClient, admin: User, acme: Organization, globex: Organization) -> None:
    application(of=acme, name="one")
    application(of=globex, name="two")
    client = api(admin)
    for reference in (globex.name, globex.pk):
        rows = client.get("/api/v1/applications", {"filter[organization]": reference}).json()["data"]
        assert [row["name"] for row in rows] == ["two"]


def _queries_of_lists(client: APIClient) -> dict[str, int]:
    counts = {}
    for path in LISTS:
        with counted_queries() as queries:
            response = client.get(f"/api/v1/{path}", {"total": "true"})
        assert response.status_code == 200, (path, response.content)
        counts[path] = len(queries)
    return counts


def _add_one_of_each(client: APIClient, name: str, user: User) -> None:
    terms = {"quotas": [{"requests": 1, "per": "day"}]}
    for path, body in (
        ("organizations", {"name": name, "display_name": name}),
        ("members", {"organization": name, "user": user.pk, "role": "owner"}),
        ("invitations", {"organization": name, "email": f"{name}@example.com", "role": "developer"}),
        ("applications", {"name": name, "organization": name}),
        ("credentials", {"application": f"{name}:{name}"}),
        ("apis", {"name": name, "organization": name}),
        (f"apis/{name}/versions", {"name": "v1"}),
        ("apis/bank/versions", {"name": name}),
        ("versions/bank:v1/revisions", {"upstream": {"targets": [{"url": f"http://127.0.0.1/{name}"}]}}),
        ("versions/bank:v1/publish", {}),
        ("plans", {"name": name, "organization": name, "terms": terms}),
        ("products", {"name": name, "organization": name, "items": [{"version": f"{name}:v1"}], "plans": [name]}),
        ("subscriptions", {"application": f"{name}:{name}", "product": "payments", "plan": "starter"}),
        ("gateways", {"name": name}),
        ("tokens", {"name": name, "scopes": ["apis:read"]}),
    ):
        response = client.post(f"/api/v1/{path}", body, format="json")
        assert response.status_code in {200, 201}, (path, response.content)


@pytest.mark.usefixtures("bank")
def test_a_list_takes_the_same_number_of_queries_whatever_its_length(api: MakeClient, admin: User) -> None:
    client = api(admin)
    _add_one_of_each(client, "more-0", admin)
    few = _queries_of_lists(client)
    for number in range(1, 5):
        _add_one_of_each(client, f"more-{number}", admin)
    assert _queries_of_lists(client) == few
    assert max(few.values()) <= 9, few


def test_a_list_gives_only_the_fields_that_are_asked_for(api: MakeClient, owner: User, bank: dict[str, Any]) -> None:
    client = api(owner)
    names = {frozenset(each) for each in client.get("/api/v1/apis?fields=id,name").json()["data"]}
    assert names == {frozenset({"id", "name"})}
    assert bank
    refused = client.get("/api/v1/apis?fields=nmae")
    assert_problem(refused, 400, "request.unknown_parameter")
    assert "name" in refused.json()["detail"]
