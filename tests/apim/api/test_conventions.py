"""What every endpoint has in common: authentication, problems, bodies.

Promises H30, H34.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apim.accounts.models import APIToken, Organization, User
from apim.accounts.services import authenticate_token
from apim.audit.models import AuditEvent
from apim.catalog.models import API
from tests.apim.api.conftest import MakeClient, assert_problem, token_of

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


def test_a_body_in_chunks_is_refused_with_what_to_send_instead(api: MakeClient, owner: User) -> None:
    response = api(owner).post("/api/v1/applications", headers={"Transfer-Encoding": "chunked"})
    assert_problem(response, 411, "request.length_required")


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
