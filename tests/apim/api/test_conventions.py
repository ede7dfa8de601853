"""What every endpoint has in common: authentication, problems, bodies, paging, preconditions, idempotency.

Promises H30, H31, H33, H34.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from apim.access.models import Application, Credential
from apim.accounts.models import APIToken, Organization, User
from apim.accounts.services import authenticate_token
from apim.api.models import IdempotentAnswer
from apim.audit.models import AuditEvent
from apim.catalog.models import API
from tests.apim.api.conftest import MakeClient, assert_problem, counted_queries, token_of
from tests.factories.access import application

pytestmark = pytest.mark.django_db


def test_a_request_without_token_is_challenged() -> None:
    response = Client().get("/api/v1/apis")
    assert_problem(response, 401, "request.unauthenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Basic YTpi", "Bearer apim_" + "x" * 500])
def test_a_wrong_token_is_challenged(header: str) -> None:
    response = Client().get("/api/v1/me", HTTP_AUTHORIZATION=header)
    assert_problem(response, 401, "request.unauthenticated")


def test_expired_and_revoked_tokens_and_those_of_suspended_people_are_refused(owner: User) -> None:
    secret = token_of(owner)
    client = Client(HTTP_AUTHORIZATION=f"Bearer {secret}")
    assert client.get("/api/v1/me").status_code == 200
    APIToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert_problem(client.get("/api/v1/me"), 401, "request.unauthenticated")
    APIToken.objects.update(expires_at=None, revoked_at=timezone.now())
    assert_problem(client.get("/api/v1/me"), 401, "request.unauthenticated")
    APIToken.objects.update(revoked_at=None)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    assert_problem(client.get("/api/v1/me"), 401, "request.unauthenticated")


def test_a_browser_session_reads_and_needs_the_csrf_token_to_write(admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin)
    assert client.get("/api/v1/me").json()["scopes"] is None
    body = {"name": "hooli", "display_name": "Hooli"}
    refused = client.post("/api/v1/organizations", body, content_type="application/json")
    assert_problem(refused, 403, "request.forbidden")
    assert not Organization.objects.filter(name="hooli").exists()


def test_a_token_does_no_more_than_its_scopes(api: MakeClient, owner: User) -> None:
    client = api(owner, scopes=["apis:read"])
    assert client.get("/api/v1/apis").status_code == 200
    problem = assert_problem(client.post("/api/v1/apis", {"name": "bank"}, format="json"), 403, "request.scope_missing")
    assert "apis:write" in problem["detail"]
    assert not API.objects.exists()
    assert_problem(client.get("/api/v1/audit-events"), 403, "request.scope_missing")


def test_a_token_cannot_issue_one_that_may_do_more(api: MakeClient, owner: User) -> None:
    client = api(owner, scopes=["apis:read"])
    body = {"name": "more", "scopes": ["apis:read", "admin"]}
    assert_problem(client.post("/api/v1/tokens", body, format="json"), 403, "request.scope_missing")
    issued = client.post("/api/v1/tokens", {"name": "same", "scopes": ["apis:read"]}, format="json").json()
    assert Client(HTTP_AUTHORIZATION=f"Bearer {issued['secret']}").get("/api/v1/apis").status_code == 200
    assert client.delete(f"/api/v1/tokens/{issued['id']}").status_code == 200
    assert Client(HTTP_AUTHORIZATION=f"Bearer {issued['secret']}").get("/api/v1/apis").status_code == 401


def test_a_narrow_token_reaches_no_token_that_may_do_more(api: MakeClient, admin: User, owner: User) -> None:
    for person in (owner, admin):
        secret = token_of(owner, ["apis:read", "apis:write"])
        wide = authenticate_token(secret)
        assert wide is not None
        answer = api(person, scopes=["apis:read"]).delete(f"/api/v1/tokens/{wide.pk}")
        assert_problem(answer, *((403, "request.scope_missing") if person == owner else (404, "request.not_found")))
        assert authenticate_token(secret) is not None
    shown = api(admin, scopes=["usage:read"]).get("/api/v1/tokens").json()["data"]
    assert {row["id"] for row in shown} == set(APIToken.objects.filter(user=admin).values_list("pk", flat=True))


def test_the_audit_log_names_the_token(api: MakeClient, owner: User, acme: Organization) -> None:
    api(owner).post("/api/v1/apis", {"name": "bank", "organization": acme.name}, format="json")
    event = AuditEvent.objects.get(action="api.create")
    assert (event.actor_kind, event.actor_label) == ("token", owner.email)
    assert event.actor_id == APIToken.objects.get(user=owner).pk


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_a_route_that_is_not_there_is_a_problem(method: str) -> None:
    assert_problem(getattr(Client(), method)("/api/v1/nonsense/here"), 404, "request.not_found")
    assert_problem(getattr(Client(), method)("/api/v1/apis/"), 404, "request.not_found")


def test_a_method_that_a_route_does_not_take_is_a_problem_with_allow(api: MakeClient, owner: User) -> None:
    response = api(owner).put("/api/v1/apis", {}, format="json")
    assert_problem(response, 405, "request.method_not_allowed")
    assert "GET" in response["Allow"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        "1",
        '"text"',
        '{"a": NaN}',
        '{"name": "a", "name": "b"}',
        '{"name": "a\\u0000b"}',
        '{"name": "\\ud800"}',
        "[" * 100_000,
        '{"a":' * 2000 + "1" + "}" * 2000,
        "\xff",
        '{"a": ' + "9" * 10_000 + "}",
    ],
)
def test_a_body_that_is_not_a_json_object_is_a_problem(api: MakeClient, owner: User, body: str) -> None:
    response = api(owner).post("/api/v1/apis", body.encode("latin-1"), content_type="application/json")
    assert response.status_code == 400, response.content
    assert response["Content-Type"] == "application/problem+json"


def test_other_media_types_are_refused(api: MakeClient, owner: User) -> None:
    response = api(owner).post("/api/v1/apis", b"name=bank", content_type="application/x-www-form-urlencoded")
    assert_problem(response, 415, "request.unsupported_media_type")
    assert_problem(api(owner).get("/api/v1/apis", HTTP_ACCEPT="text/html"), 406, "request.not_acceptable")


def test_a_body_is_limited_by_its_bytes(api: MakeClient, owner: User) -> None:
    body = json.dumps({"name": "bank", "description": "x" * (1 << 20)})
    response = api(owner).post("/api/v1/apis", body, content_type="application/json")
    assert_problem(response, 413, "request.body_too_large")


def test_an_unknown_field_names_the_nearest_and_changes_nothing(api: MakeClient, owner: User) -> None:
    body = {"name": "bank", "desciption": "x", "is_staff": True, "organization_id": "org_1"}
    problem = assert_problem(api(owner).post("/api/v1/apis", body, format="json"), 400, "request.invalid")
    messages = {error["pointer"]: error for error in problem["errors"]}
    assert 'did you mean "description"' in messages["/desciption"]["message"]
    assert messages["/is_staff"]["code"] == "request.unknown_field"
    assert not API.objects.exists()


def test_a_nested_fault_has_its_pointer(api: MakeClient, admin: User, acme: Organization) -> None:
    body = {"name": "p", "organization": acme.name, "terms": {"quotas": [{"requests": 5, "per": "eon"}]}}
    problem = assert_problem(api(admin).post("/api/v1/plans", body, format="json"), 400, "request.invalid")
    assert problem["errors"][0]["pointer"] == "/terms/quotas/0/per"


def test_each_of_several_errors_keeps_its_own_hint(api: MakeClient, admin: User) -> None:
    body = {"name": "a.example.com", "version": "v1", "base_path": "no path"}
    problem = api(admin).post("/api/v1/hosts", body, format="json").json()
    hints = {error["pointer"]: error.get("hint") for error in problem["errors"]}
    assert hints == {"/version": None, "/base_path": "Write it like /payments."}


def test_an_error_of_a_service_keeps_its_code_hint_and_field(api: MakeClient, owner: User) -> None:
    client = api(owner)
    assert client.post("/api/v1/apis", {"name": "bank"}, format="json").status_code == 201
    response = client.post("/api/v1/apis", {"name": "bank"}, format="json")
    assert_problem(response, response.status_code, "catalog.name_taken")
    assert response.json()["errors"][0]["pointer"] == "/name"


def test_an_unexpected_error_is_logged_with_the_request_id(
    api: MakeClient, owner: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def burst(*_arguments: object) -> None:
        message = "burst pipe"
        raise RuntimeError(message)

    monkeypatch.setattr("apim.api.views.tokens.Membership", type("Broken", (), {"objects": property(burst)})())
    response = api(owner).get("/api/v1/me")
    problem = assert_problem(response, 500, "request.unexpected")
    assert "burst pipe" not in response.content.decode()
    assert problem["request_id"] in caplog.text


# Lists


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


# Preconditions


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


# Idempotency


def test_a_post_sent_twice_has_one_effect_and_the_same_secret(
    api: MakeClient,
    owner: User,
    acme: Organization,
    environment: object,
) -> None:
    client, body = api(owner), {"application": application(of=acme).pk}
    first = client.post("/api/v1/credentials", body, format="json", HTTP_IDEMPOTENCY_KEY="one")
    second = client.post("/api/v1/credentials", body, format="json", HTTP_IDEMPOTENCY_KEY="one")
    assert first.status_code == second.status_code == 201, first.content
    assert first.json() == second.json()
    assert second["Idempotency-Replayed"] == "true"
    assert second["Location"] == first["Location"]
    assert Credential.objects.count() == 1
    row = IdempotentAnswer.objects.get()
    assert first.json()["key"].encode() not in bytes(row.answer)


def test_a_key_used_for_another_request_is_refused(api: MakeClient, owner: User) -> None:
    client = api(owner)
    client.post("/api/v1/apis", {"name": "one"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    other = client.post("/api/v1/apis", {"name": "two"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert_problem(other, 422, "request.idempotency_mismatch")
    assert list(API.objects.values_list("name", flat=True)) == ["one"]


def test_a_refused_request_may_be_sent_again_with_its_key(api: MakeClient, owner: User) -> None:
    client = api(owner)
    assert client.post("/api/v1/apis", {"name": "no good"}, format="json", HTTP_IDEMPOTENCY_KEY="k").status_code == 400
    assert client.post("/api/v1/apis", {"name": "good"}, format="json", HTTP_IDEMPOTENCY_KEY="k").status_code == 201


def test_a_key_belongs_to_its_person_and_lasts_a_day(api: MakeClient, owner: User, other_owner: User) -> None:
    api(owner).post("/api/v1/apis", {"name": "one"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    other = api(other_owner).post("/api/v1/apis", {"name": "two"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert other.status_code == 201
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=25))
    fresh = api(owner).post("/api/v1/apis", {"name": "three"}, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert fresh.status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "a\tb"])
def test_an_unusable_key_is_refused(api: MakeClient, owner: User, key: str) -> None:
    response = api(owner).post("/api/v1/apis", {"name": "one"}, format="json", HTTP_IDEMPOTENCY_KEY=key)
    assert_problem(response, 400, "request.invalid")


# Queries


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


def test_a_body_in_chunks_is_refused_with_what_to_send_instead(api: MakeClient, owner: User) -> None:
    response = api(owner).post("/api/v1/applications", headers={"Transfer-Encoding": "chunked"})
    assert_problem(response, 411, "request.length_required")
