from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.documents.services import apply_documents, export_documents
from apim.errors import Conflict, DomainError, Invalid, Problems
from apim.gateways.certificates import (
    delete_certificate,
    private_key_of,
    save_certificate,
    uncovered_without,
    warn_of_expiry,
)
from apim.gateways.chains import covers
from apim.gateways.hosts import save_host
from apim.gateways.models import Certificate, Environment, Host
from apim.notifications.models import Message
from tests.factories.certificates import authority, self_signed

pytestmark = pytest.mark.django_db


def save(environment: Environment, by: Actor, chain: str, key: str, name: str = "public") -> Certificate:
    return save_certificate(environment=environment, name=name, chain=chain, key=key, by=by)


def test_a_chain_is_kept_with_what_it_says_and_its_key_sealed(environment: Environment, by: Actor) -> None:
    root = authority()
    middle = root.intermediate("Middle")
    leaf, key = middle.issue("api.example.com", "*.example.com")
    environment.refresh_from_db()
    revision = environment.revision

    kept = save(environment, by, leaf + middle.pem, key)

    assert kept.hosts == ["api.example.com", "*.example.com"]
    assert kept.issuer == "CN=Middle"
    assert private_key_of(kept).decode() == key
    assert key.encode() not in bytes(kept.key_sealed)
    environment.refresh_from_db()
    assert environment.revision == revision + 1
    event = AuditEvent.objects.get(action="certificate.create")
    assert "PRIVATE" not in str(event.after)
    assert "key_sealed" not in (event.after or {})


@pytest.mark.parametrize(
    ("fault", "code", "field"),
    [
        ("other key", "gateways.certificate_key_mismatch", "key"),
        ("wrong order", "gateways.certificate_order", "chain"),
        ("expired", "gateways.certificate_expired", "chain"),
        ("not yet", "gateways.certificate_not_yet", "chain"),
        ("text", "gateways.certificate_unreadable", "chain"),
        ("key in chain", "gateways.certificate_unreadable", "chain"),
        ("key text", "gateways.certificate_key_unreadable", "key"),
        ("no hosts", "gateways.certificate_no_hosts", "chain"),
    ],
)
def test_a_chain_that_callers_would_refuse_is_not_kept(
    environment: Environment, by: Actor, fault: str, code: str, field: str
) -> None:
    root = authority()
    middle = root.intermediate("Middle")
    chain, key = middle.issue("api.example.com")
    chains = {
        "other key": (chain, self_signed("x.example")[1]),
        "wrong order": (chain + root.pem, key),
        "expired": root.issue("api.example.com", days=-1, began=2),
        "not yet": root.issue("api.example.com", began=-1),
        "text": ("hello", key),
        "key in chain": (chain + key, key),
        "key text": (chain, "hello"),
        "no hosts": self_signed(),
    }

    with pytest.raises(DomainError) as refused:
        save(environment, by, *chains[fault])

    assert (refused.value.code, refused.value.field) == (code, field)
    assert not Certificate.objects.exists()


def test_every_fault_of_a_chain_is_told_at_once(environment: Environment, by: Actor) -> None:
    chain, _ = authority().issue("api.example.com", days=-1, began=2)

    with pytest.raises(Problems) as refused:
        save(environment, by, chain, self_signed("x.example")[1])

    assert {error.code for error in refused.value.errors} == {
        "gateways.certificate_expired",
        "gateways.certificate_key_mismatch",
    }


def test_a_certificate_never_changes_whose_it_is(environment: Environment, by: Actor, acme: Organization) -> None:
    save(environment, by, *self_signed("api.example.com"))
    chain, key = self_signed("api.example.com")

    with pytest.raises(Conflict):
        save_certificate(environment=environment, name="public", chain=chain, key=key, organization=acme, by=by)


def test_deleting_tells_which_hosts_nothing_covers_any_more(environment: Environment, by: Actor) -> None:
    one = save(environment, by, *self_signed("*.example.com"))
    save(environment, by, *self_signed("b.example.com"), name="other")
    for name in ("a.example.com", "b.example.com", "c.example.org"):
        save_host(environment=environment, name=name, changes={}, by=by)

    assert uncovered_without(one) == ("a.example.com",)
    delete_certificate(certificate=one, by=by)
    assert [row.name for row in Certificate.objects.all()] == ["other"]


def test_admins_are_warned_30_and_7_days_before_the_end_once_each(
    environment: Environment, by: Actor, admin: User
) -> None:
    save(environment, by, *self_signed("far.example.com", days=90), name="far")
    save(environment, by, *self_signed("near.example.com", days=20), name="near")
    Message.objects.all().delete()
    now = timezone.now()

    assert warn_of_expiry(now) == 1
    assert warn_of_expiry(now) == 0
    assert warn_of_expiry(now + timedelta(days=14)) == 1
    assert warn_of_expiry(now + timedelta(days=15)) == 0
    assert [message.to for message in Message.objects.all()] == [admin.email] * 2
    assert "near" in Message.objects.all()[0].subject


@pytest.mark.parametrize(
    ("pattern", "host", "is_covered"),
    [
        ("api.example.com", "api.example.com", True),
        ("*.example.com", "api.example.com", True),
        ("*.example.com", "a.api.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", "*.example.com", True),
        ("api.example.com", "b.example.com", False),
    ],
)
def test_a_wildcard_covers_one_label(pattern: str, host: str, is_covered: bool) -> None:
    assert covers(pattern, host) is is_covered


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        ("not a name", {}, "gateways.host_invalid"),
        ("a.*.example.com", {}, "gateways.host_invalid"),
        ("api.example.com", {"version": "v1"}, "gateways.host_version"),
        ("api.example.com", {"base_path": "/x"}, "gateways.host_base_path"),
        ("api.example.com", {"api": "bank", "base_path": "/a/../b"}, "gateways.host_base_path"),
        ("api.example.com", {"client_certificates": "required"}, "gateways.host_client_ca"),
        ("api.example.com", {"client_certificates": "perhaps"}, "gateways.host_client_ca"),
        ("api.example.com", {"hsts_max_age_s": 10**9}, "gateways.host_hsts"),
    ],
)
def test_a_host_that_cannot_be_is_refused(
    environment: Environment, by: Actor, name: str, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        save_host(environment=environment, name=name, changes=changes, by=by)

    assert refused.value.code == code
    assert not Host.objects.exists()


def test_only_authorities_may_vouch_for_clients(environment: Environment, by: Actor) -> None:
    leaf, _ = authority().issue("client.example")
    changes = {"client_certificates": "required", "client_ca": leaf}

    with pytest.raises(Invalid) as refused:
        save_host(environment=environment, name="api.example.com", changes=changes, by=by)

    assert (refused.value.code, refused.value.field) == ("gateways.certificate_no_authority", "client_ca")


DOCUMENTS = """
apiVersion: apim.dev/v1
kind: Certificate
metadata: {name: public}
spec:
  chain: {$file: ./chain.pem}
  privateKey: {$file: ./key.pem}
---
apiVersion: apim.dev/v1
kind: Host
metadata: {name: api.example.com}
spec:
  redirectToHttps: true
  hstsMaxAge: 3600
  clientCertificates: optional
  clientCA: {$file: ./ca.pem}
"""


@pytest.mark.usefixtures("environment")
def test_documents_apply_twice_and_come_back_without_the_key(admin: User, by: Actor) -> None:
    root = authority()
    chain, key = root.issue("api.example.com")
    files = {"./chain.pem": chain, "./key.pem": key, "./ca.pem": root.pem}

    first = apply_documents(text=DOCUMENTS, files=files, user=admin, by=by)
    again = apply_documents(text=DOCUMENTS, files=files, user=admin, by=by)
    shown = "---\n".join(export_documents(kind=kind, name="", user=admin) for kind in ("certificate", "host"))
    third = apply_documents(text=shown, files={}, user=admin, by=by)

    assert [change.action for change in first.changes] == ["create", "create"]
    assert not again.has_changes
    assert not third.has_changes
    assert "PRIVATE KEY" not in shown


@pytest.mark.usefixtures("environment")
def test_a_new_chain_needs_its_key(admin: User, by: Actor) -> None:
    text = DOCUMENTS.replace("  privateKey: {$file: ./key.pem}\n", "").split("---")[0]

    with pytest.raises(Invalid) as refused:
        apply_documents(text=text, files={"./chain.pem": self_signed("a.example")[0]}, user=admin, by=by)

    assert refused.value.code == "documents.missing_field"


@pytest.mark.usefixtures("environment")
def test_a_chain_that_is_there_already_with_another_key_is_refused(admin: User, by: Actor) -> None:
    root = authority()
    chain, key = root.issue("api.example.com")
    text = DOCUMENTS.split("---", maxsplit=1)[0]
    apply_documents(text=text, files={"./chain.pem": chain, "./key.pem": key}, user=admin, by=by)

    with pytest.raises(Invalid) as refused:
        apply_documents(
            text=text, files={"./chain.pem": chain, "./key.pem": self_signed("x.example")[1]}, user=admin, by=by
        )

    assert refused.value.code == "gateways.certificate_key_mismatch"


@pytest.mark.usefixtures("environment")
def test_certificates_are_for_admins(owner: User, by: Actor) -> None:
    chain, key = self_signed("a.example")
    text = DOCUMENTS.split("---", maxsplit=1)[0]

    with pytest.raises(DomainError) as refused:
        apply_documents(text=text, files={"./chain.pem": chain, "./key.pem": key}, user=owner, by=by)

    assert refused.value.code == "documents.forbidden"


@pytest.mark.usefixtures("environment")
def test_an_upstream_takes_its_authorities_from_a_file(admin: User, by: Actor, acme: Organization) -> None:
    root = authority()
    text = f"""
apiVersion: apim.dev/v1
kind: API
metadata: {{name: orders}}
spec:
  organization: {acme.name}
  versions:
    - name: v1
      operations: [{{method: GET, path: /orders}}]
      upstream:
        targets: [{{url: "https://orders.internal"}}]
        tls: {{ca: {{$file: ./ca.pem}}, minimumVersion: "1.3"}}
"""
    apply_documents(text=text, files={"./ca.pem": root.pem}, user=admin, by=by)
    shown = export_documents(kind="api", name="orders", user=admin)

    assert "BEGIN CERTIFICATE" in shown
    assert not apply_documents(text=shown, files={}, user=admin, by=by).has_changes
    with pytest.raises(Invalid) as refused:
        apply_documents(text=text, files={"./ca.pem": authority().issue("a.example")[0]}, user=admin, by=by)
    assert "is no certificate authority" in refused.value.message
