"""/issuers: for admins to write, for those whom they concern to read."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from tests.apim.api.conftest import MakeClient

pytestmark = pytest.mark.django_db
URL = "https://login.example.com"


def test_an_admin_registers_changes_and_forgets_an_issuer(api: MakeClient, admin: User, acme: Organization) -> None:
    client = api(admin)
    body = {"name": "login", "issuer": URL, "organizations": ["acme"]}
    made = client.post("/api/v1/issuers", body, format="json")
    assert (made.status_code, made.json()["is_for_all"], made.json()["organizations"]) == (201, False, ["acme"])
    opened = client.patch("/api/v1/issuers/login", {"is_for_all": True, "organizations": []}, format="json")
    assert (opened.json()["is_for_all"], opened.json()["organizations"]) == (True, [])
    refused = client.patch("/api/v1/issuers/login", {"is_for_all": True, "organizations": ["acme"]}, format="json")
    assert refused.json()["code"] == "gateways.issuer_organizations"
    renamed = client.post("/api/v1/issuers", {"name": "login", "issuer": URL + "/"}, format="json")
    assert renamed.status_code == 409
    assert client.delete("/api/v1/issuers/login").status_code == 200
    assert client.get("/api/v1/issuers/login").status_code == 404


def test_who_may_use_an_issuer_does_not_learn_who_else_may(
    api: MakeClient, admin: User, owner: User, developer: User, initech: Organization
) -> None:
    body = {"name": "login", "issuer": URL, "organizations": ["acme", "initech"]}
    api(admin).post("/api/v1/issuers", body, format="json")
    assert api(owner).get("/api/v1/issuers/login").json()["organizations"] == ["acme"]
    (shown,) = api(developer).get("/api/v1/issuers").json()["data"]
    assert shown["organizations"] == ["initech"]
    assert api(owner).delete("/api/v1/issuers/login").status_code == 403


def test_documents_say_all_that_is_trusted(
    api: MakeClient, admin: User, acme: Organization, initech: Organization
) -> None:
    client = api(admin)
    text = """
apiVersion: apim.dev/v1
kind: Issuer
metadata: { name: login }
spec: { issuer: "https://login.example.com", organizations: [acme] }
"""
    for action in ("create", "unchanged"):
        answer = client.post("/api/v1/documents/apply", {"documents": text}, format="json").json()
        assert [change["action"] for change in answer["changes"]] == [action]
    exported = client.get("/api/v1/documents/export", {"kind": "issuer", "name": "login"}).json()["documents"]
    answer = client.post("/api/v1/documents/apply", {"documents": exported}, format="json").json()
    assert [change["action"] for change in answer["changes"]] == ["unchanged"]
    for organizations in ("[initech]", "[]"):
        changed = text.replace("[acme]", organizations)
        answer = client.post("/api/v1/documents/apply", {"documents": changed}, format="json").json()
        assert [change["fields"] for change in answer["changes"]] == [["organizations"]]
    shown = client.get("/api/v1/issuers/login").json()
    assert (shown["is_for_all"], shown["organizations"]) == (False, [])
