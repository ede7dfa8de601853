"""APIs, versions, revisions and imports through REST."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from apim.catalog.models import API, Deployment
from tests.apim.api.conftest import OPENAPI, MakeClient, assert_problem

pytestmark = pytest.mark.django_db

UPSTREAM = "http://127.0.0.1:9101"


@pytest.mark.usefixtures("environment", "acme")
def test_the_life_of_a_version_from_import_to_retirement(api: MakeClient, owner: User) -> None:
    client = api(owner)
    body = {"name": "bank", "version": "v1", "upstream": UPSTREAM, "document": OPENAPI, "publish": True}
    imported = client.post("/api/v1/imports", body, format="json")
    assert imported.status_code == 201, imported.content
    assert imported.json()["version"]["state"] == "published"
    assert imported.json()["api"]["organization"] == "acme"

    saved = client.post(
        "/api/v1/versions/bank:v1/revisions", {"upstream": {"targets": [{"url": f"{UPSTREAM}/new"}]}}, format="json"
    )
    assert saved.json()["number"] == 2
    assert len(saved.json()["operations"]) == 2
    published = client.post("/api/v1/versions/bank:v1/publish", {}, format="json").json()
    assert published["revision_number"] == 2
    rolled = client.post("/api/v1/versions/bank:v1/rollback", {}, format="json").json()
    assert rolled["revision_number"] == 1
    assert Deployment.objects.get().revision.number == 1

    client.post("/api/v1/apis/bank/versions", {"name": "v2"}, format="json")
    assert client.post("/api/v1/versions/bank:v2/submit").json()["state"] == "review"
    returned = client.post("/api/v1/versions/bank:v2/return", {"reason": "no docs"}, format="json").json()
    assert returned["state"] == "draft"
    end = {"deprecated_at": "2026-10-01T00:00:00Z", "sunset_at": "2027-06-30T00:00:00Z", "successor": "v2"}
    deprecated = client.post("/api/v1/versions/bank:v1/deprecate", end, format="json").json()
    assert (deprecated["state"], deprecated["successor"]) == ("deprecated", "v2")
    assert client.post("/api/v1/versions/bank:v1/reinstate").json()["state"] == "published"
    blocked = client.post("/api/v1/versions/bank:v1/block", {"reason": "leak"}, format="json").json()
    assert blocked["state"] == "blocked"
    assert client.post("/api/v1/versions/bank:v1/unblock").json()["state"] == "published"
    assert_problem(client.post("/api/v1/versions/bank:v1/retire"), 409, "catalog.transition")
    client.post("/api/v1/versions/bank:v1/deprecate", {}, format="json")
    assert client.post("/api/v1/versions/bank:v1/retire").json()["state"] == "retired"
    again = client.post("/api/v1/versions/bank:v1/publish", {}, format="json")
    assert_problem(again, 409, "catalog.transition")


@pytest.mark.usefixtures("environment")
def test_an_upstream_alone_becomes_a_pass_through_version(api: MakeClient, owner: User) -> None:
    body = {"name": "soap", "version": "v1", "upstream": UPSTREAM, "methods": ["POST"], "prefix": "/", "publish": True}
    response = api(owner).post("/api/v1/imports", body, format="json")
    assert response.status_code == 201, response.content
    revision = api(owner).get(f"/api/v1/revisions/{response.json()['revision']['id']}").json()
    assert revision["passthrough"] == {"methods": ["POST"], "prefix": "/"}


def test_an_import_takes_exactly_one_source(api: MakeClient, owner: User) -> None:
    body = {"name": "bank", "version": "v1", "document": OPENAPI, "url": "http://example.com/"}
    assert_problem(api(owner).post("/api/v1/imports", body, format="json"), 400, "request.invalid")
    assert_problem(
        api(owner).post("/api/v1/imports", {"name": "bank", "version": "v1"}, format="json"), 400, "request.invalid"
    )


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "file:///etc/passwd", "http://[::ffff:169.254.169.254]/"]
)
def test_an_import_fetches_nothing_from_forbidden_networks(api: MakeClient, owner: User, url: str) -> None:
    body = {"name": "bank", "version": "v1", "url": url}
    response = api(owner).post("/api/v1/imports", body, format="json")
    assert response.status_code == 400, response.content
    assert not API.objects.exists()


@pytest.mark.usefixtures("environment")
def test_an_import_sent_twice_with_its_key_happens_once(api: MakeClient, owner: User) -> None:
    client = api(owner)
    body = {"name": "bank", "version": "v1", "upstream": UPSTREAM, "document": OPENAPI}
    first = client.post("/api/v1/imports", body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    second = client.post("/api/v1/imports", body, format="json", HTTP_IDEMPOTENCY_KEY="k")
    assert (first.status_code, second["Idempotency-Replayed"]) == (201, "true")
    assert first.json() == second.json()


@pytest.mark.usefixtures("bank")
def test_callers_of_an_api_do_not_learn_where_its_services_are(api: MakeClient, owner: User, developer: User) -> None:
    revision_id = api(developer).get("/api/v1/versions/bank:v1").json()["deployments"][0]["revision_id"]
    shown = api(developer).get(f"/api/v1/revisions/{revision_id}")
    assert shown.status_code == 200
    assert "9101" not in shown.content.decode()
    assert not {"upstream", "policies", "created_by"} & shown.json().keys()
    assert "9101" in api(owner).get(f"/api/v1/revisions/{revision_id}").content.decode()
    assert_problem(api(developer).get("/api/v1/versions/bank:v1/revisions"), 403, "request.forbidden")


@pytest.mark.usefixtures("bank")
def test_an_api_is_archived_restored_and_deleted(api: MakeClient, owner: User) -> None:
    client = api(owner)
    assert client.get("/api/v1/apis/bank/deletion").json()["products"] == ["payments"]
    assert_problem(client.delete("/api/v1/apis/bank"), 409, "catalog.api_in_products")
    assert client.post("/api/v1/apis/bank/archive").json()["archived_at"]
    assert [row["name"] for row in client.get("/api/v1/apis", {"filter[archived]": "true"}).json()["data"]] == ["bank"]
    assert client.post("/api/v1/apis/bank/restore").json()["archived_at"] is None
    client.patch("/api/v1/products/payments", {"items": []}, format="json")
    client.post("/api/v1/apis", {"name": "empty"}, format="json")
    assert client.delete("/api/v1/apis/empty").status_code == 204
    assert not API.objects.filter(name="empty").exists()


def test_a_team_owner_makes_and_changes_what_is_the_teams(api: MakeClient, owner: User, team_owner: User) -> None:
    unknown = api(owner).post("/api/v1/apis", {"name": "cards", "team": "cards"}, format="json")
    assert_problem(unknown, 400, "accounts.no_such_team")
    assert "payments" in unknown.json()["hint"]
    made = api(owner).post("/api/v1/teams", {"organization": "acme", "name": "cards"}, format="json")
    assert made.json()["display_name"] == "cards"
    assert api(owner).post("/api/v1/apis", {"name": "cards", "team": "cards"}, format="json").status_code == 201
    client = api(team_owner)
    assert client.post("/api/v1/apis", {"name": "pay", "team": "payments"}, format="json").status_code == 201
    assert_problem(client.post("/api/v1/apis", {"name": "x", "team": "cards"}, format="json"), 403, "request.forbidden")
    assert_problem(client.patch("/api/v1/apis/cards", {"description": "x"}, format="json"), 403, "request.forbidden")
    assert API.objects.get(name="cards").description == ""


@pytest.mark.usefixtures("acme", "globex", "environment")
def test_an_organization_must_be_named_when_there_are_several(api: MakeClient, admin: User) -> None:
    response = api(admin).post("/api/v1/apis", {"name": "bank"}, format="json")
    assert_problem(response, 400, "request.organization_needed")
