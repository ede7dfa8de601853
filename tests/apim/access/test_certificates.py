"""Client certificates as credentials: registered for an application, and what gateways hear of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.conf import settings
from django.utils import timezone

from apim.access import services
from apim.access.models import Application, Credential
from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.errors import Conflict, DomainError
from gateway_sync.policies.client_certificate import certificate_text
from tests.apim.access.conftest import Log
from tests.factories.certificates import authority, self_signed


def fingerprint_of(pem: str) -> str:
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256()).hex()


def register(application: Application, by: Actor, certificate: str) -> Credential:
    return services.register_certificate(application=application, certificate=certificate, by=by)


def test_gateways_hear_of_it_and_of_its_end(shop: Application, by: Actor, log: Log) -> None:
    pem, _ = authority("Partners").issue("client.example", days=20)
    credential = register(shop, by, pem)

    key = settings.KEYRING.hash_secret(certificate_text(credential.environment_id, fingerprint_of(pem)))
    assert credential.key_hash == key
    assert (credential.client_id, credential.issuer) == ("CN=client.example", "CN=Partners")
    assert credential.expires_at is not None
    assert credential.expires_at < timezone.now() + timedelta(days=21)
    body = log.body("client", key)
    assert body is not None
    assert (body["application"], body["expires_at"]) == (shop.id, int(credential.expires_at.timestamp()))

    services.revoke_credential(credential=credential, by=by)

    assert log.body("client", key) is None


def test_a_fingerprint_is_enough_in_any_spelling(shop: Application, by: Actor) -> None:
    pem, _ = self_signed("client.example")
    plain = fingerprint_of(pem)
    spelled = ":".join(plain[place : place + 2] for place in range(0, 64, 2)).upper()

    credential = register(shop, by, spelled)

    assert credential.fingerprint == plain
    assert credential.expires_at is None
    with pytest.raises(Conflict):
        register(shop, by, pem)
    services.revoke_credential(credential=credential, by=by)
    assert register(shop, by, pem).fingerprint == plain


@pytest.mark.parametrize(
    ("certificate", "code"),
    [
        ("hello", "access.certificate_unreadable"),
        ("-----BEGIN CERTIFICATE-----\nhello", "gateways.certificate_unreadable"),
        (self_signed("a.example", days=-1, began=2)[0], "access.certificate_expired"),
        ("".join(self_signed("a.example")), "gateways.certificate_unreadable"),
    ],
    ids=["text", "broken", "expired", "with its key"],
)
def test_what_is_none_is_refused(shop: Application, by: Actor, certificate: str, code: str) -> None:
    with pytest.raises(DomainError) as refused:
        register(shop, by, certificate)

    assert (refused.value.code, refused.value.field) == (code, "certificate")
    assert not Credential.objects.filter(kind="certificate").exists()


def test_it_is_not_rolled(shop: Application, by: Actor, developer: User) -> None:
    credential = register(shop, by, self_signed("client.example")[0])

    with pytest.raises(Conflict) as refused:
        services.roll_credential(credential=credential, by=by)

    assert refused.value.code == "access.client_not_rolled"
