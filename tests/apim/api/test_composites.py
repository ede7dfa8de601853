"""Composites through REST: written with a revision, told wrong at their place, shown to who may change them."""

from __future__ import annotations

import pytest

from apim.accounts.models import User
from tests.apim.api.conftest import OPENAPI, MakeClient, assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("environment", "acme")]

COMPOSITE = {
    "timeout": "8s",
    "steps": [{"name": "read", "call": "GET /accounts"}],
    "answer": {"body": {"all": "{steps.read.body}"}},
}


def test_a_revision_has_its_composites_and_keeps_them(api: MakeClient, owner: User) -> None:
    client = api(owner)
    body = {"name": "bank", "version": "v1", "upstream": "http://127.0.0.1:9101", "document": OPENAPI, "publish": True}
    assert client.post("/api/v1/imports", body, format="json").status_code == 201
    url = "/api/v1/versions/bank:v1/revisions"
    saved = client.post(url, {"composites": {"GET /accounts": COMPOSITE}}, format="json")
    assert (saved.status_code, saved.json()["composites"]) == (201, {"GET /accounts": COMPOSITE})
    kept = client.post(url, {"policies": [{"size-limit": {"max": "1MiB"}}]}, format="json").json()
    assert kept["composites"] == {"GET /accounts": COMPOSITE}

    wrong = {**COMPOSITE, "steps": [{"name": "read", "call": "GET /accounts", "after": ["raed"]}]}
    refused = client.post(url, {"composites": {"GET /accounts": wrong}}, format="json")
    problem = assert_problem(refused, 400, "catalog.composite")
    (error,) = problem["errors"]
    assert error["pointer"] == "/composites/GET ~1accounts/steps/0/after"
    assert error["hint"] == 'Did you mean "read"?'


@pytest.mark.usefixtures("bank")
def test_callers_do_not_learn_what_an_operation_is_made_of(api: MakeClient, developer: User) -> None:
    revision_id = api(developer).get("/api/v1/versions/bank:v1").json()["deployments"][0]["revision_id"]
    assert "composites" not in api(developer).get(f"/api/v1/revisions/{revision_id}").json()
