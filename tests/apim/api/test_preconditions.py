"""Changes that another one forestalled are refused; what a change does not name stays (H31)."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from tests.apim.api.conftest import MakeClient, assert_problem
from tests.factories.access import application

pytestmark = pytest.mark.django_db


def test_if_match_guards_a_change(api: MakeClient, owner: User, acme: Organization) -> None:
    client = api(owner)
    path = f"/api/v1/applications/{application(of=acme).pk}"
    tag = client.get(path)["ETag"]
    first = client.patch(path, {"display_name": "Mine"}, format="json", HTTP_IF_MATCH=tag)
    assert first.status_code == 200
    assert first["ETag"] == client.get(path)["ETag"] != tag
    stale = client.patch(path, {"display_name": "Theirs"}, format="json", HTTP_IF_MATCH=tag)
    assert_problem(stale, 412, "request.precondition_failed")
    assert client.get(path).json()["display_name"] == "Mine"
    assert_problem(client.delete(path, HTTP_IF_MATCH=tag), 412, "request.precondition_failed")
    assert client.delete(path, HTTP_IF_MATCH=first["ETag"]).status_code == 204
    assert_problem(client.get(path), 404, "request.not_found")


def test_put_needs_if_match(api: MakeClient, admin: User, acme: Organization) -> None:
    client, path = api(admin), f"/api/v1/organizations/{acme.name}/ceiling"
    assert_problem(client.put(path, {"max_per_day": 5}, format="json"), 428, "request.precondition_required")
    tag = client.get(path)["ETag"]
    response = client.put(path, {"max_per_day": 5}, format="json", HTTP_IF_MATCH=tag)
    assert response.status_code == 200, response.content
    assert client.get(path).json()["max_per_day"] == 5
    again = client.put(path, {"max_per_day": 6}, format="json", HTTP_IF_MATCH=tag)
    assert_problem(again, 412, "request.precondition_failed")


def test_patch_leaves_alone_what_it_does_not_name(api: MakeClient, owner: User) -> None:
    client = api(owner)
    client.post("/api/v1/apis", {"name": "bank", "description": "Old", "labels": {"a": "b"}}, format="json")
    changed = client.patch("/api/v1/apis/bank", {"display_name": "Bank"}, format="json").json()
    assert (changed["display_name"], changed["description"], changed["labels"]) == ("Bank", "Old", {"a": "b"})
