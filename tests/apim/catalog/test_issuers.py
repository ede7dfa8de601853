"""Registered issuers: what admins may trust, and what is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.catalog.issuer_keys import wanted_sources
from apim.catalog.issuers import save_issuer
from apim.errors import Conflict, DomainError
from apim.gateways.models import Environment, Issuer
from gateway_sync.compiler import compile_snapshot
from gateway_sync.delivery.collect import collect
from tests.tokens import jwk, key_for, key_set

URL = "https://login.example.com"
KEYS = key_set(jwk(key_for("EdDSA"), "a"))
COLLECTING = pytest.mark.django_db(transaction=True, databases=["default", "collect"])


def save(environment: Environment, by: Actor, name: str = "login", **changes: Any) -> Issuer:
    return save_issuer(environment=environment, name=name, by=by, changes=changes)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("issuer", {"issuer": ""}),
        ("issuer", {"issuer": "two\nlines"}),
        ("jwks_url", {"issuer": "our issuer"}),
        ("jwks_url", {"issuer": URL, "jwks_url": "ftp://login.example.com/keys"}),
        ("jwks_url", {"issuer": URL, "jwks_url": "http://login.example.com/keys"}),
        ("jwks", {"issuer": URL, "jwks": "{}"}),
        ("jwks", {"issuer": URL, "jwks": key_set({"kty": "oct", "k": "AAAA"})}),
        ("client_claim", {"issuer": URL, "client_claim": 'a"b'}),
    ],
)
def test_what_could_not_be_trusted_is_refused_at_its_field(
    environment: Environment, by: Actor, field: str, changes: dict[str, str]
) -> None:
    with pytest.raises(DomainError) as caught:
        save(environment, by, **changes)
    assert caught.value.field == field


def test_all_and_some_organizations_contradict_each_other(
    environment: Environment, acme: Organization, by: Actor
) -> None:
    with pytest.raises(DomainError, match="some are named"):
        save(environment, by, issuer=URL, is_for_all=True, organizations=[acme])


def test_an_issuer_is_registered_once_and_stays_what_it_is(environment: Environment, by: Actor) -> None:
    first = save(environment, by, issuer=URL)
    with pytest.raises(Conflict, match="registered already, as login"):
        save(environment, by, "other", issuer=URL)
    with pytest.raises(Conflict, match="stays what it is"):
        save(environment, by, issuer=URL + "/")
    assert save(environment, by, client_claim="cid") == first
    assert AuditEvent.objects.filter(action__startswith="issuer.").count() == 2


def test_saving_the_same_again_changes_nothing(environment: Environment, acme: Organization, by: Actor) -> None:
    changes = {"issuer": URL, "jwks": KEYS, "is_for_all": False, "organizations": [acme]}
    save(environment, by, **changes)
    revision = Environment.objects.get(pk=environment.pk).revision
    save(environment, by, **changes)
    assert Environment.objects.get(pk=environment.pk).revision == revision


def test_its_keys_are_fetched_from_where_it_publishes_them(environment: Environment, by: Actor) -> None:
    save(environment, by, issuer=URL)
    assert wanted_sources() == {f"issuer {URL}"}
    save(environment, by, jwks=KEYS)
    assert wanted_sources() == set()
    save(environment, by, jwks_url=f"{URL}/keys")
    assert wanted_sources() == {f"{URL}/keys"}


def test_when_its_last_organization_is_gone_it_is_open_to_nobody(
    environment: Environment, acme: Organization, initech: Organization, by: Actor
) -> None:
    issuer = save(environment, by, issuer=URL, is_for_all=False, organizations=[acme])
    assert issuer.is_open_to(acme.pk)
    acme.delete()
    assert not Issuer.objects.get().is_open_to(initech.pk)


def test_people_see_what_is_open_to_them_and_owners_what_their_policies_may_name(
    environment: Environment, acme: Organization, owner: User, developer: User, admin: User, by: Actor
) -> None:
    save(environment, by, issuer=URL, is_for_all=False, organizations=[acme])
    for user, seen in ((admin, 1), (owner, 1), (developer, 0)):
        assert Issuer.objects.visible_to(user).count() == seen
        assert Issuer.objects.editable_by(user).count() == (1 if user == admin else 0)
    save(environment, by, is_for_all=True, organizations=[])
    assert Issuer.objects.visible_to(developer).count() == 1


@COLLECTING
def test_gateways_get_the_keys_with_whom_they_speak_for(
    environment: Environment, acme: Organization, by: Actor
) -> None:
    save(environment, by, issuer=URL, jwks=KEYS, client_claim="cid", is_for_all=False, organizations=[acme])
    save(environment, by, "other", issuer=URL + "/", jwks_url=f"{URL}/keys")
    compiled = compile_snapshot(collect(environment.id).rows, {})
    first, other = compiled.snapshot.environment.issuers
    assert (first.issuer, first.client_claim, first.is_for_all) == (URL, "cid", False)
    assert first.organizations == (acme.pk,)
    assert '"kid": "a"' in first.keys.replace('":"', '": "')
    assert (other.keys, other.is_for_all, other.organizations) == ("", True, ())
    assert [problem.code for problem in compiled.problems] == ["jwt.W001"]
