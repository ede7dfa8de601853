"""Clients of issuers: registered for an application, and what gateways hear of them."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from apim.access import services
from apim.access.models import Application, Credential
from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment
from gateway_sync.policies.jwt import client_text
from tests.apim.access.conftest import Log
from tests.factories import access as access_factory

ISSUER = "https://login.example.com"


@pytest.fixture
def client_of_shop(shop: Application, developer: User, by: Actor) -> Credential:
    """A client that calls as the shop."""
    return register(shop, by, creator=developer)


def register(application: Application, by: Actor, **changes: Any) -> Credential:
    return services.register_client(
        **({"application": application, "issuer": ISSUER, "client_id": "shop-web", "by": by} | changes)
    )


def hash_in(environment: Environment, client_id: str = "shop-web") -> str:
    return settings.KEYRING.hash_secret(client_text(environment.id, ISSUER, client_id))


def test_gateways_find_a_client_by_environment_issuer_and_id_and_by_nothing_sent_as_a_key(
    client_of_shop: Credential, environment: Environment, log: Log
) -> None:
    body = log.body("client", hash_in(environment))
    assert body is not None
    assert (body["id"], body["application"], body["state"]) == (
        client_of_shop.id, client_of_shop.application_id, "active",
    )  # fmt: skip
    with pytest.raises(Exception, match="does not exist"):
        log.body("credential", hash_in(environment))


def test_a_revoked_client_is_taken_back_from_gateways(
    client_of_shop: Credential, environment: Environment, log: Log, by: Actor
) -> None:
    services.revoke_credential(credential=client_of_shop, by=by)
    assert log.body("client", hash_in(environment)) is None


def test_a_client_belongs_to_one_application_until_it_is_revoked(
    client_of_shop: Credential, acme: Organization, environment: Environment, log: Log, by: Actor
) -> None:
    other = access_factory.application(of=acme)
    with pytest.raises(Conflict, match="belongs to an application already"):
        register(other, by)
    services.revoke_credential(credential=client_of_shop, by=by)
    second = register(other, by)
    body = log.body("client", hash_in(environment))
    assert body is not None
    assert body["id"] == second.id


def test_what_happens_to_a_dead_client_later_does_not_touch_the_living_one(
    client_of_shop: Credential, developer: User, environment: Environment, log: Log, by: Actor
) -> None:
    services.revoke_credential(credential=client_of_shop, by=by)
    second = register(client_of_shop.application, by)
    services.suspend_user(user=developer, by=by, reason="left")
    body = log.body("client", hash_in(environment))
    assert body is not None
    assert (body["id"], body["state"]) == (second.id, "active")


def test_the_same_client_of_another_issuer_is_another_one(client_of_shop: Credential, by: Actor) -> None:
    register(client_of_shop.application, by, issuer=ISSUER + "/")
    register(client_of_shop.application, by, client_id="Shop-web")
    assert Credential.objects.live().count() == 3


def test_a_client_has_nothing_to_roll(client_of_shop: Credential, by: Actor) -> None:
    with pytest.raises(Conflict, match="no key here"):
        services.roll_credential(credential=client_of_shop, by=by)


@pytest.mark.parametrize(
    ("field", "text"), [("issuer", ""), ("client_id", "a\nb"), ("client_id", ""), ("issuer", "x" * 513)]
)
def test_what_no_token_could_say_is_refused(shop: Application, by: Actor, field: str, text: str) -> None:
    with pytest.raises(Invalid) as caught:
        register(shop, by, **{field: text})
    assert caught.value.field == field


def test_a_suspended_application_gets_no_clients(shop: Application, by: Actor) -> None:
    services.suspend_application(application=shop, by=by, reason="abuse")
    with pytest.raises(Conflict, match="suspended"):
        register(shop, by)


def test_registering_is_in_the_audit_log_without_the_hash(client_of_shop: Credential) -> None:
    event = AuditEvent.objects.get(action="credential.create")
    assert event.after["client_id"] == "shop-web"
    assert client_of_shop.key_hash not in str(event.after)
