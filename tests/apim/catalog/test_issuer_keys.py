"""Keys of issuers: fetched for what runs, kept when fetching fails, and never from where documents are not (H13)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import ClassVar

import pytest

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.catalog.issuer_keys import REFRESH_EVERY, fetch_keys, refresh_due, wanted_sources
from apim.catalog.models import Deployment, IssuerKeys
from apim.catalog.services import create_passthrough, publish_version, save_revision
from apim.errors import DomainError
from apim.gateways.models import Environment
from apim.notifications.models import Message
from gateway_sync.compiler import compile_snapshot
from gateway_sync.delivery.collect import collect
from gateway_sync.policies.token_issuers import ISSUER
from gateway_sync.policies.web_keys import WebKeyInvalid
from tests.tokens import jwk, key_for, key_set
from tests.upstreams import Arrival, Reply, Upstream

FIRST, SECOND = jwk(key_for("EdDSA"), "first"), jwk(key_for("ES256"), "second")


class Issuer:
    """What an issuer publishes, by path; what is missing is 404."""

    answers: ClassVar[dict[str, str]] = {}

    @classmethod
    def answer(cls, arrival: Arrival) -> Reply:
        body = cls.answers.get(arrival.target)
        return Reply((body or "").encode(), 404 if body is None else 200)


@pytest.fixture
def issuer(environment: Environment) -> Iterator[str]:
    """The address of an issuer that publishes one key and tells where."""
    with Upstream(Issuer.answer) as listening:
        told = json.dumps({"issuer": listening.url, "jwks_uri": f"{listening.url}/keys"})
        Issuer.answers = {"/keys": key_set(FIRST), "/.well-known/openid-configuration": told}
        Environment.objects.update(allowed_networks=["127.0.0.0/8"])
        yield listening.url


@pytest.fixture
def running(issuer: str, acme: Organization, by: Actor) -> Deployment:
    """A version in production that admits the issuer's tokens."""
    version = create_passthrough(
        organization=acme, api_name="bank", version_name="v1", upstream_url="http://127.0.0.1:9", methods=["GET"],
        prefix="/", by=by,
    )  # fmt: skip
    policy = {"jwt": {"issuer": issuer, "audiences": ["bank"], "operations": ["* /*"]}}
    save_revision(version=version, by=by, policies=[policy])
    return publish_version(version=version, by=by)


def compiled_keys(environment: Environment) -> tuple[list[str], set[str]]:
    """The ids of the keys that gateways get, and the codes of the problems."""
    compiled = compile_snapshot(collect(environment.id).rows, {})
    (policy,) = compiled.snapshot.apis[0].versions[0].policies
    keys = json.loads(str(policy.settings["jwks"]) or '{"keys": []}')["keys"]
    return sorted(key["kid"] for key in keys), {problem.code for problem in compiled.problems} & CODES


COLLECTING = pytest.mark.django_db(transaction=True, databases=["default", "collect"])
CODES = {"jwt.W001", "jwt.W002", "jwt.W003"}


def make_due() -> None:
    """As if the last look had been long ago."""
    for row in IssuerKeys.objects.all():
        row.checked_at -= REFRESH_EVERY
        row.save()


def test_keys_are_found_by_what_the_issuer_tells_about_itself(issuer: str) -> None:
    assert json.loads(fetch_keys(ISSUER + issuer)) == {"keys": [FIRST]}
    Issuer.answers["/.well-known/oauth-authorization-server"] = Issuer.answers.pop("/.well-known/openid-configuration")
    assert json.loads(fetch_keys(ISSUER + issuer)) == {"keys": [FIRST]}
    assert json.loads(fetch_keys(f"{issuer}/keys")) == {"keys": [FIRST]}


@pytest.mark.parametrize(
    "told",
    [
        '{"issuer": "https://other.example.com", "jwks_uri": "{}/keys"}',
        '{"jwks_uri": "{}/keys"}',
        '{"issuer": "{}"}',
        '{"issuer": "{}", "jwks_uri": "file:///etc/passwd"}',
        '{"issuer": "{}", "jwks_uri": 5}',
        '{"issuer": "{}", "issuer": "{}", "jwks_uri": "{}/keys"}',
        "[]",
    ],
)
def test_what_is_told_about_another_issuer_or_leads_nowhere_is_refused(issuer: str, told: str) -> None:
    Issuer.answers["/.well-known/openid-configuration"] = told.replace("{}", issuer)
    with pytest.raises(DomainError):
        fetch_keys(ISSUER + issuer)


def test_addresses_that_documents_cannot_come_from_are_closed_for_keys_too(issuer: str) -> None:
    Environment.objects.update(allowed_networks=[])
    with pytest.raises(DomainError, match="does not allow"):
        fetch_keys(f"{issuer}/keys")


def test_a_secret_among_the_keys_makes_the_set_unusable(issuer: str) -> None:
    Issuer.answers["/keys"] = key_set(FIRST, {"kty": "oct", "k": "AAAA"})
    with pytest.raises(WebKeyInvalid):
        fetch_keys(f"{issuer}/keys")


@COLLECTING
def test_a_version_gets_its_keys_and_their_successors(running: Deployment, environment: Environment) -> None:
    assert compiled_keys(environment) == ([], {"jwt.W001"})
    assert refresh_due() == 1
    assert compiled_keys(environment) == (["first"], set())
    assert refresh_due() == 0
    Issuer.answers["/keys"] = key_set(FIRST, SECOND)
    assert refresh_due() == 0  # not due yet
    make_due()
    before = Environment.objects.get(id=environment.id).revision
    assert refresh_due() == 1
    assert Environment.objects.get(id=environment.id).revision > before
    assert compiled_keys(environment) == (["first", "second"], set())
    Issuer.answers["/keys"] = key_set(SECOND)
    make_due()
    assert refresh_due() == 1
    assert compiled_keys(environment) == (["second"], set())


@COLLECTING
def test_a_failure_leaves_the_keys_of_before_and_says_so_once_by_mail(
    running: Deployment, environment: Environment, admin: User
) -> None:
    refresh_due()
    del Issuer.answers["/keys"]
    for _ in range(2):
        make_due()
        refresh_due()
    assert compiled_keys(environment) == (["first"], {"jwt.W002"})
    assert "404" in IssuerKeys.objects.get().fault
    assert [message.to for message in Message.objects.filter(subject__contains="cannot be fetched")] == [admin.email]
    Issuer.answers["/keys"] = key_set(SECOND)
    make_due()
    assert refresh_due() == 1
    assert compiled_keys(environment) == (["second"], set())


def test_publishing_again_asks_at_once(running: Deployment) -> None:
    refresh_due()
    Issuer.answers["/keys"] = key_set(SECOND)
    (source,) = wanted_sources()
    assert refresh_due(at_once=source) == 1


def test_keys_that_nobody_wants_any_longer_are_forgotten(running: Deployment) -> None:
    refresh_due()
    running.delete()
    refresh_due()
    assert not IssuerKeys.objects.exists()


def test_a_source_that_no_policy_names_is_never_fetched(issuer: str) -> None:
    assert refresh_due(at_once=f"{issuer}/keys") == 0
    assert not IssuerKeys.objects.exists()
