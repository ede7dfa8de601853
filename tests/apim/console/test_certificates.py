from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apim.accounts.models import User
from apim.audit.actor import Actor
from apim.gateways.certificates import save_certificate
from apim.gateways.hosts import save_host
from apim.gateways.models import Certificate, Environment, Host
from tests.conftest import LogIn
from tests.factories.certificates import authority, self_signed


def test_a_certificate_is_uploaded_replaced_and_deleted(log_in: LogIn, admin: User, environment: Environment) -> None:
    client = log_in(admin)
    chain, key = self_signed("api.example.com", days=5)
    texts = {"chain_file": chain, "key_file": key}
    files = {name: SimpleUploadedFile("a.pem", text.encode()) for name, text in texts.items()}
    made = client.post("/console/admin/new-certificate", {"name": "public", "environment": environment.id, **files})

    assert made.status_code == 302
    kept = Certificate.objects.get()
    page = client.get("/console/admin/certificates").content.decode()
    assert "api.example.com" in page
    assert "badge--danger" in page
    assert "PRIVATE KEY" not in page
    chain, key = self_signed("api.example.com", days=90)
    assert (
        client.post(f"/console/admin/certificates/{kept.id}/replace", {"chain": chain, "key": key}).status_code == 302
    )
    assert "badge--ok" in client.get("/console/admin/certificates").content.decode()
    assert client.post(f"/console/admin/certificates/{kept.id}/delete").status_code == 302
    assert not Certificate.objects.exists()


def test_a_wrong_key_is_told_at_its_field(log_in: LogIn, admin: User, environment: Environment) -> None:
    chain, key = self_signed("api.example.com")[0], self_signed("other.example.com")[1]
    answer = log_in(admin).post(
        "/console/admin/new-certificate", {"name": "public", "environment": environment.id, "chain": chain, "key": key}
    )

    assert answer.status_code == 422
    assert "The private key is not that of the certificate." in answer.content.decode()


def test_deleting_tells_whose_callers_are_refused(
    log_in: LogIn, admin: User, environment: Environment, by: Actor
) -> None:
    chain, key = self_signed("api.example.com")
    kept = save_certificate(environment=environment, name="public", chain=chain, key=key, by=by)
    save_host(environment=environment, name="api.example.com", changes={}, by=by)

    page = log_in(admin).get(f"/console/admin/certificates/{kept.id}/delete").content.decode()

    assert "No other certificate covers api.example.com" in page


def test_a_host_is_named_changed_and_deleted(log_in: LogIn, admin: User, environment: Environment) -> None:
    client = log_in(admin)
    asked = {"client_certificates": "required", "client_ca": authority().pem}
    fields = {"hsts_max_age_s": "60", "certificate_source": "kept", **asked}
    made = client.post("/console/admin/new-host", {"name": "API.example.com", "environment": environment.id, **fields})

    assert made.status_code == 302
    host = Host.objects.get()
    assert (host.name, host.hsts_max_age_s) == ("api.example.com", 60)
    assert "none covers it" in client.get("/console/admin/hosts").content.decode()
    refused = client.post(f"/console/admin/hosts/{host.id}", {**fields, "client_ca": ""})
    assert refused.status_code == 422
    assert client.post(f"/console/admin/hosts/{host.id}", {**fields, "hsts_max_age_s": "0"}).status_code == 302
    assert client.post(f"/console/admin/hosts/{host.id}/delete").status_code == 302
    assert not Host.objects.exists()


@pytest.mark.parametrize(
    "path", ["certificates/none/replace", "certificates/none/delete", "hosts/none", "hosts/none/delete"]
)
def test_what_is_not_there_is_not_found(log_in: LogIn, admin: User, path: str) -> None:
    assert log_in(admin).get(f"/console/admin/{path}").status_code == 404
