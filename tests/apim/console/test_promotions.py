"""The page of promotion: from the diff to the target and back."""

from __future__ import annotations

import pytest
from django.test import Client

from apim.accounts.models import User
from apim.catalog.models import Deployment
from apim.gateways.models import Environment
from apim.platform.models import Promotion
from tests.factories import access, products
from tests.factories import gateways as gateways_factory
from tests.gateway_sync.delivery.replay.calls import call

PAGE = "/console/admin/environments/default/promote/production"


@pytest.fixture
def client(environment: Environment, admin: User) -> Client:
    assert environment.name == "default"
    client = Client()
    client.force_login(admin)
    return client


def test_an_admin_makes_an_environment_promotes_to_it_and_takes_that_back(client: Client) -> None:
    gateways_factory.published_version(name="bank")
    assert client.post("/console/admin/new-environment", {"name": "production"}).status_code == 302
    assert client.post("/console/admin/new-environment", {"name": "production"}).status_code == 422
    shown = client.get(PAGE)
    assert b"Published revisions" in shown.content
    assert b'value="version:bank/v1"' in shown.content
    assert b"to production" in client.get("/console/admin/environments").content

    digest = shown.context["plan"].digest
    data = {"items": ["version:bank/v1"], "digest": digest, "reason": ""}
    assert client.post(PAGE, data).status_code == 422
    assert client.post(PAGE, data | {"reason": "Release 12", "digest": "old"}).status_code == 422
    assert client.post(PAGE, data | {"reason": "Release 12"}).status_code == 302
    assert Deployment.objects.filter(environment__name="production").count() == 1
    after = client.get(PAGE)
    assert b"Nothing to promote" in after.content
    assert b"Release 12" in after.content

    undo = f"/console/admin/promotions/{Promotion.objects.get().id}/undo"
    assert client.post(undo, {"reason": "It was wrong"}).status_code == 302
    assert not Deployment.objects.filter(environment__name="production").exists()
    assert client.post(undo, {"reason": "Again"}).status_code == 422


def test_a_program_promotes_too_and_learns_first_what_would_change(client: Client) -> None:
    gateways_factory.published_version(name="bank")
    client.post("/console/admin/new-environment", {"name": "production"})
    url, kind = "/api/v1/environments/default/promotions", "application/json"

    dry = client.post(url, {"to": "production", "dry_run": True}, kind).json()
    assert dry["promotion"] is None
    assert [change["id"] for change in dry["changes"]] == ["version:bank/v1"]
    assert not Promotion.objects.exists()
    refused = client.post(url, {"to": "production"}, kind)
    assert (refused.status_code, refused.json()["code"]) == (400, "platform.no_reason")
    done = client.post(url, {"to": "production", "reason": "Release 12"}, kind).json()
    assert done["promotion"] == Promotion.objects.get().id


def test_who_promotes_reads_first_how_the_last_calls_there_would_be_answered(client: Client) -> None:
    version = gateways_factory.published_version("GET /accounts", "GET /cards", name="bank")
    client.post("/console/admin/new-environment", {"name": "production"})
    production = Environment.objects.get(name="production")
    application = access.application(name="shop")
    product = products.product(version=version)
    access.subscription(application=application, product=product, plan=product.plans.get(), environment=production)
    url, kind = "/api/v1/environments/default/promotions", "application/json"
    assert client.post(url, {"to": "production", "reason": "Release 1"}, kind).status_code == 200
    gateways_factory.changed_version(version, "GET /accounts")
    for path in ("/accounts", "/cards", "/cards"):
        call(version, application, f"GET {path}", f"/bank/v1{path}", environment=production)

    assert "2 of the last 3 calls would be answered differently." in client.get(PAGE).content.decode()
    calls = client.post(url, {"to": "production", "dry_run": True}, kind).json()["calls"]
    assert (calls["compared"], calls["differing"], calls["certain"]) == (3, 2, 2)
    assert [(group["operation"], group["then"], group["calls"]) for group in calls["groups"]] == [
        ("GET /cards", "refused 404 not-found", 2)
    ]
    none = client.post(url, {"to": "production", "dry_run": True, "items": []}, kind).json()["calls"]
    assert none["compared"] == 0
