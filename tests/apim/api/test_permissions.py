"""Every route as everybody: no one reads or changes what is another tenant's.

Promises R10.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pytest
from django.urls import URLPattern

from apim.access.models import Application, Credential, Subscription
from apim.access.services import offer_application
from apim.accounts.models import Membership, Organization, User
from apim.accounts.services import create_team
from apim.alerts.services import create_rule
from apim.api.urls import urlpatterns
from apim.catalog.issuers import save_issuer
from apim.catalog.models import API, Revision
from apim.catalog.services.guides import create_guide
from apim.gateways.certificates import save_certificate
from apim.gateways.hosts import save_host
from apim.gateways.models import Environment
from apim.products.models import Plan, Product
from apim.products.services import create_meter
from apim.webhooks.services import create_endpoint, send_test
from tests.apim.api.conftest import MakeClient
from tests.factories.accounts import TESTER
from tests.factories.certificates import self_signed

pytestmark = pytest.mark.django_db

OPEN = ("openapi.json", "docs")
WRITES = ("post", "put", "patch", "delete")


def _routes() -> list[str]:
    return [
        str(route.pattern) for route in urlpatterns if isinstance(route, URLPattern) and "^" not in str(route.pattern)
    ]


@pytest.fixture
def acmes(bank: dict[str, Any], api: MakeClient, admin: User, owner: User, developer: User) -> dict[str, str]:
    """An id of each noun that a stranger must not know of. The API is internal, so that nothing of it is public."""
    assert bank["changes"]
    client = api(developer)
    body = {"application": "shop", "product": "payments", "plan": "starter"}
    subscription = client.post("/api/v1/subscriptions", body, format="json").json()["id"]
    credential = client.post("/api/v1/credentials", {"application": "shop"}, format="json").json()["id"]
    token = client.post("/api/v1/tokens", {"name": "t", "scopes": ["apis:read"]}, format="json").json()["id"]
    invitation = (
        api(owner)
        .post(
            "/api/v1/invitations", {"email": "a@b.example", "organization": "acme", "role": "developer"}, format="json"
        )
        .json()["id"]
    )
    environment = Environment.objects.get(name="default")
    chain, key = self_signed("api.example.com")
    certificate = save_certificate(environment=environment, name="public", chain=chain, key=key, by=TESTER)
    host = save_host(environment=environment, name="api.example.com", changes={}, by=TESTER)
    issuer = save_issuer(
        environment=environment, name="login", by=TESTER,
        changes={"issuer": "https://login.acme.example", "is_for_all": False},
    )  # fmt: skip
    gateway = api(admin).post("/api/v1/gateways", {"name": "eu-1"}, format="json").json()["id"]
    acme = Organization.objects.get(name="acme")
    initech = Organization.objects.get(name="initech")
    url = "https://example.com/hook"
    webhook = create_endpoint(organization=initech, url=url, event_types=["key.created"], by=TESTER).endpoint
    meter = create_meter(organization=acme, name="calls", definition={}, by=TESTER)
    API.objects.update(visibility="internal")
    Product.objects.update(visibility="internal")
    return {
        "organization": initech.pk,
        "member": Membership.objects.get(user=developer).pk,
        "team": create_team(organization=developer.memberships.get().organization, name="cards", by=TESTER).pk,
        "invitation": invitation,
        "user": developer.pk,
        "api": "bank",
        "version": "bank:v1",
        "guide": create_guide(api=API.objects.get(), slug="start", title="Start", by=TESTER).pk,
        "revision": Revision.objects.get().pk,
        "product": Product.objects.get().pk,
        "plan": Plan.objects.get(name="starter").pk,
        "meter": meter.pk,
        "application": "initech:shop",
        "credential": credential,
        "subscription": subscription,
        "environment": "default",
        "gateway": gateway,
        "certificate": certificate.pk,
        "host": host.pk,
        "issuer": issuer.pk,
        "webhook": webhook.pk,
        "delivery": send_test(endpoint=webhook, by=TESTER).pk,
        "publication": "pub_unknown",
        "request_id": "req_unknown",
        "rehearsal": "reh_unknown",
        "job": "job_unknown",
        "invoice": "in_unknown",
        "rule": create_rule(api=API.objects.get(), kind="absence", by=TESTER).pk,
        "transfer": offer_application(application=Application.objects.get(), to="acme-client", by=TESTER).pk,
        "token": token,
    }


def _path(route: str, ids: dict[str, str]) -> str:
    return "/api/v1/" + re.sub(r"<str:(\w+)>", lambda match: ids[match[1]], route)


def _state() -> list[Any]:
    return [
        list(model.objects.order_by("pk").values())
        for model in (API, Product, Plan, Organization, Membership, Credential, Subscription)
    ]


def test_a_stranger_finds_nothing_of_others_and_changes_nothing(
    api: MakeClient, acmes: dict[str, str], stranger: User
) -> None:
    client, before = api(stranger), _state()
    for route in (route for route in _routes() if "<" in route):
        path = _path(route, acmes)
        for method in ("get", *WRITES):
            response = getattr(client, method)(path, format="json")
            assert response.status_code in {403, 404, 405}, (method, path, response.content)
            if response.status_code == 403:  # for a scope that the stranger cannot have, before anything was read
                assert response.json()["code"] == "request.scope_missing", (method, path)
    assert _state() == before


def test_every_route_wants_a_token(api: MakeClient) -> None:
    client, ids = api(None), defaultdict(lambda: "x")
    for route in (route for route in _routes() if route not in OPEN):
        for method in ("get", *WRITES):
            assert getattr(client, method)(_path(route, ids), format="json").status_code == 401, (method, route)


def test_lists_of_a_stranger_hold_nothing_of_others(api: MakeClient, acmes: dict[str, str], stranger: User) -> None:
    client = api(stranger)
    for route in (route for route in _routes() if "<" not in route and route not in OPEN):
        text = client.get(f"/api/v1/{route}").content.decode()
        for reference in acmes.values():
            assert not re.search(rf'"{re.escape(reference)}"', text), (route, reference)


def test_an_owner_of_another_organization_is_a_stranger_too(
    api: MakeClient, acmes: dict[str, str], other_owner: User
) -> None:
    client, before = api(other_owner), _state()
    for route in _routes():
        if "<" in route and "environment" not in route and "gateway" not in route:
            for method in WRITES:
                response = getattr(client, method)(_path(route, acmes), format="json")
                assert response.status_code in {403, 404, 405}, (method, route, response.content)
    assert _state() == before
