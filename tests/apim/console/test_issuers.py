"""Issuers in the console: registered, closed and forgotten by admins, and shown where policies name them."""

from __future__ import annotations

from apim.accounts.models import Organization, User
from apim.catalog.issuers import save_issuer
from apim.gateways.models import Environment, Issuer
from tests.conftest import LogIn
from tests.factories import catalog as catalog_factory
from tests.factories.accounts import TESTER

URL = "https://login.example.com"


def test_an_issuer_is_registered_closed_and_forgotten(
    log_in: LogIn, admin: User, environment: Environment, acme: Organization
) -> None:
    client = log_in(admin)
    assert "No issuer yet" in client.get("/console/admin/issuers").content.decode()
    data = {"name": "login", "environment": environment.pk, "issuer": URL, "is_for_all": "on"}
    assert client.post("/console/admin/new-issuer", data).status_code == 302
    again = client.post("/console/admin/new-issuer", data | {"issuer": URL + "/"})
    assert (again.status_code, b"There is one of this name" in again.content) == (422, True)
    listed = client.get("/console/admin/issuers").content.decode()
    assert "every organization" in listed
    assert "not fetched yet" in listed
    issuer = Issuer.objects.get()
    edited = client.post(f"/console/admin/issuers/{issuer.pk}", {"organizations": [acme.pk], "client_claim": "cid"})
    assert edited.status_code == 302
    issuer.refresh_from_db()
    assert (issuer.is_for_all, issuer.client_claim, issuer.is_open_to(acme.pk)) == (False, "cid", True)
    assert 'value="cid"' in client.get(f"/console/admin/issuers/{issuer.pk}").content.decode()
    assert client.post(f"/console/admin/issuers/{issuer.pk}/delete").status_code == 302
    assert not Issuer.objects.exists()


def test_owners_see_which_issuers_are_registered_where_they_write_policies(
    log_in: LogIn, owner: User, environment: Environment, acme: Organization
) -> None:
    version = catalog_factory.draft(of=catalog_factory.api(organization=acme))
    address = f"/console/apis/{version.api.name}/versions/{version.name}/policies"
    client = log_in(owner)
    assert "No issuer is registered" in client.get(address).content.decode()
    save_issuer(environment=environment, name="login", changes={"issuer": URL + "/<b>"}, by=TESTER)
    page = client.get(address).content.decode()
    assert "<code>https://login.example.com/&lt;b&gt;</code>" in page
    assert "<b>" not in page
