from __future__ import annotations

import pytest

from apim.accounts.models import Organization, User
from tests.apim.api.conftest import MakeClient, assert_problem
from tests.factories.certificates import authority, self_signed

pytestmark = pytest.mark.usefixtures("environment")


def test_a_certificate_goes_in_with_its_key_and_comes_out_without(api: MakeClient, admin: User) -> None:
    client = api(admin)
    chain, key = self_signed("api.example.com")
    body = {"name": "public", "chain": chain, "private_key": key}
    made = client.post("/api/v1/certificates", body, format="json")

    assert made.status_code == 201
    assert made.json()["hosts"] == ["api.example.com"]
    assert "PRIVATE KEY" not in made.content.decode()
    assert client.get("/api/v1/certificates/public").json()["fingerprint"] == made.json()["fingerprint"]
    chain, key = self_signed("b.example.com")
    again = client.post("/api/v1/certificates", {**body, "chain": chain, "private_key": key}, format="json")
    assert again.json()["id"] == made.json()["id"]
    assert client.delete("/api/v1/certificates/public").status_code == 200
    assert client.get("/api/v1/certificates").json()["data"] == []


def test_a_chain_that_is_none_is_told_at_its_field(api: MakeClient, admin: User) -> None:
    body = {"name": "public", "chain": "hello", "private_key": "hello"}
    refused = api(admin).post("/api/v1/certificates", body, format="json")

    found = assert_problem(refused, 400, "gateways.certificate_unreadable")
    assert found["errors"][0]["pointer"] == "/chain"


def test_owners_see_the_certificates_of_their_own_services_only(
    api: MakeClient, admin: User, owner: User, acme: Organization
) -> None:
    for name, organization in (("public", ""), ("orders-client", acme.name)):
        chain, key = self_signed(f"{name}.example.com")
        body = {"name": name, "chain": chain, "private_key": key, "organization": organization}
        assert api(admin).post("/api/v1/certificates", body, format="json").status_code == 201

    seen = api(owner).get("/api/v1/certificates").json()["data"]
    assert [one["name"] for one in seen] == ["orders-client"]
    assert api(owner).delete("/api/v1/certificates/orders-client").status_code == 403


def test_a_host_is_named_changed_and_deleted(api: MakeClient, admin: User) -> None:
    client = api(admin)
    made = client.post("/api/v1/hosts", {"name": "api.example.com", "hsts_max_age_s": 60}, format="json")
    assert made.status_code == 201
    change = {"client_certificates": "required", "client_ca": authority().pem}
    changed = client.patch("/api/v1/hosts/api.example.com", change, format="json", HTTP_IF_MATCH=made["ETag"])

    assert changed.status_code == 200, changed.content
    assert (changed.json()["client_certificates"], changed.json()["hsts_max_age_s"]) == ("required", 60)
    refused = client.patch("/api/v1/hosts/api.example.com", change, format="json", HTTP_IF_MATCH=made["ETag"])
    assert refused.status_code == 412
    assert client.delete("/api/v1/hosts/api.example.com").status_code == 200
    assert client.get("/api/v1/hosts/api.example.com").status_code == 404
