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
from apim.catalog.issuers import delete_issuer, save_issuer
from apim.errors import Conflict, Invalid
from apim.gateways.models import Environment, Issuer
from gateway_sync.policies.token_issuers import client_text
from tests.apim.access.conftest import Log
from tests.factories import access as access_factory
from tests.factories import catalog as catalog_factory

ISSUER = "https://login.example.com"


@pytest.fixture(autouse=True)
def registered(environment: Environment, by: Actor) -> Issuer:
    """The issuer, open to all."""
    return save_issuer(environment=environment, name="login", by=by, changes={"issuer": ISSUER})


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


def test_the_same_client_of_another_issuer_is_another_one(
    client_of_shop: Credential, environment: Environment, by: Actor
) -> None:
    save_issuer(environment=environment, name="other", by=by, changes={"issuer": ISSUER + "/"})
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


def test_nobody_becomes_a_client_of_an_issuer_that_is_for_others(
    shop: Application, acme: Organization, registered: Issuer, environment: Environment, by: Actor
) -> None:
    save_issuer(environment=environment, name="login", by=by, changes={"is_for_all": False})
    with pytest.raises(Invalid, match="cannot be clients") as caught:
        register(shop, by)
    assert (caught.value.field, caught.value.code) == ("issuer", "access.issuer_closed")
    changes = {"organizations": [shop.organization]}
    save_issuer(environment=environment, name="login", by=by, changes=changes)
    assert register(shop, by).registration == registered


def test_an_unregistered_issuer_is_named_with_those_that_there_are(shop: Application, by: Actor) -> None:
    with pytest.raises(Invalid, match="not registered in") as caught:
        register(shop, by, issuer="https://elsewhere.example.com")
    assert caught.value.hint == f"Registered: {ISSUER}."


def test_who_owns_apis_may_have_clients_of_unregistered_issuers_that_no_other_api_knows(
    shop: Application, environment: Environment, log: Log, by: Actor
) -> None:
    catalog_factory.api(organization=shop.organization)
    issuer = "https://own.example.com"
    own = register(shop, by, issuer=issuer)
    assert own.is_for_own_apis
    known_to_all = settings.KEYRING.hash_secret(client_text(environment.id, issuer, "shop-web"))
    known_at_home = settings.KEYRING.hash_secret(client_text(environment.id, issuer, "shop-web", shop.organization_id))
    with pytest.raises(Exception, match="does not exist"):
        log.body("client", known_to_all)
    body = log.body("client", known_at_home)
    assert body is not None
    assert body["id"] == own.id


def test_claiming_a_client_before_its_issuer_is_registered_takes_it_from_nobody(
    shop: Application, acme: Organization, environment: Environment, by: Actor
) -> None:
    issuer = "https://soon.example.com"
    squatter = access_factory.application(of=acme)
    catalog_factory.api(organization=acme)
    register(squatter, by, issuer=issuer)
    save_issuer(environment=environment, name="soon", by=by, changes={"issuer": issuer})
    assert register(shop, by, issuer=issuer).registration is not None


def test_an_issuer_whose_clients_call_cannot_be_forgotten(
    client_of_shop: Credential, registered: Issuer, by: Actor
) -> None:
    with pytest.raises(Conflict, match="1 client of"):
        delete_issuer(issuer=registered, by=by)
    services.revoke_credential(credential=client_of_shop, by=by)
    delete_issuer(issuer=registered, by=by)
    assert not Issuer.objects.exists()
