"""The console's pages: who sees what, and that their number of queries does not grow with the data."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from apim.accounts.models import Organization, User
from apim.gateways.models import Environment
from apim.gateways.services import touch
from gateway_sync.delivery.services import publish
from tests.conftest import LogIn
from tests.factories import access, catalog, products

OWNER_PAGES = (
    "", "apis", "new-api", "products", "new-product", "plans", "approvals", "tokens", "new-token", "jobs", "styleguide",
)  # fmt: skip
ADMIN_PAGES = (
    "admin", "admin/health", "admin/storage", "admin/new-environment",
    "admin/environments/default/promote/default", "admin/gateways", "admin/environments",
    "admin/environments/default", "admin/publications",
    "admin/ceilings", "admin/ceilings/environments/default", "admin/ceilings/organizations/acme",
    "admin/organizations", "admin/new-organization", "admin/organizations/acme", "admin/users", "admin/invite",
    "admin/applications", "admin/certificates", "admin/new-certificate", "admin/hosts", "admin/new-host",
    "admin/issuers", "admin/new-issuer",
    "admin/audit", "admin/mailbox", "admin/mail-server", "admin/billing", "admin/billing/connect",
)  # fmt: skip
VERSION_PAGES = (
    "", "/review", "/lint", "/import", "/upstream", "/operations", "/policies", "/composites", "/documentation",
    "/revisions", "/diff", "/publish", "/deprecate", "/block",
)  # fmt: skip


@pytest.mark.parametrize("path", OWNER_PAGES)
def test_an_owner_without_anything_sees_each_page_with_its_next_step(log_in: LogIn, owner: User, path: str) -> None:
    assert log_in(owner).get(f"/console/{path}").status_code == 200


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_admin_pages_are_for_admins(log_in: LogIn, admin: User, owner: User, path: str) -> None:
    assert log_in(admin).get(f"/console/{path}").status_code == 200
    refused = log_in(owner).get(f"/console/{path}")
    assert refused.status_code == 403
    assert b"Back to the console" in refused.content


def test_a_developer_is_told_why_and_led_back(log_in: LogIn, developer: User) -> None:
    response = log_in(developer).get("/console/")

    assert response.status_code == 403
    assert b"The console is for API owners" in response.content
    assert b"Back to the APIs" in response.content


def test_a_visitor_is_asked_to_log_in(log_in: LogIn) -> None:
    response = log_in(None).get("/console/apis")

    assert response.status_code == 302
    assert "next=/console/apis" in response["Location"]


@pytest.mark.parametrize("path", VERSION_PAGES)
def test_a_version_is_not_found_by_owners_of_other_organizations(
    log_in: LogIn, owner: User, other_owner: User, path: str
) -> None:
    catalog.published(of=catalog.api(organization=owner.organizations.get(), name="bank"), name="v1.2")
    url = f"/console/apis/bank/versions/v1.2{path}"

    assert log_in(owner).get(url).status_code == 200
    assert log_in(other_owner).get(url).status_code == 404


def test_an_owner_of_another_team_sees_a_version_and_may_not_change_it(
    log_in: LogIn, acme: Organization, team_owner: User
) -> None:
    catalog.published(of=catalog.api(organization=acme, name="cards", team="cards"))
    client = log_in(team_owner)

    assert client.get("/console/apis/cards/versions/v1").status_code == 200
    refused = client.post("/console/apis/cards/versions/v1/block", {"reason": "because"})
    assert refused.status_code == 403
    assert b"belongs to another team" in refused.content


@pytest.mark.parametrize(
    "path", ["", "apis", "products", "plans", "approvals", "apis/bank", "apis/bank/consumers", "products/bank-access"]
)
def test_queries_do_not_grow_with_the_rows(log_in: LogIn, acme: Organization, owner: User, path: str) -> None:
    _stock(acme, "bank")
    client = log_in(owner)
    client.get(f"/console/{path}")
    with CaptureQueriesContext(connection) as few:
        assert client.get(f"/console/{path}").status_code == 200
    for number in range(4):
        _stock(acme, f"bank-{number}")
    with CaptureQueriesContext(connection) as many:
        assert client.get(f"/console/{path}").status_code == 200

    assert len(many) == len(few)


def test_a_state_that_gateways_were_not_sent_is_told_on_each_page(
    log_in: LogIn, owner: User, environment: Environment
) -> None:
    client = log_in(owner)
    Environment.objects.update(published_revision=F("revision"), published_access_seq=F("access_seq"))
    assert b"Waiting to publish" not in client.get("/console/").content

    touch([environment.id])

    assert b"Waiting to publish" in client.get("/console/plans").content


@pytest.mark.django_db(databases=["default", "collect"], transaction=True)
def test_what_publishing_found_is_told_on_the_page_of_what_caused_it(
    log_in: LogIn, acme: Organization, owner: User, environment: Environment
) -> None:
    broken = catalog.published(of=catalog.api(organization=acme, name="bank"))
    whole = catalog.published(of=catalog.api(organization=acme, name="cards"))
    broken.revisions.update(upstream={"targets": []})
    touch([environment.id])

    publish(environment.id)

    client = log_in(owner)
    assert b"Not published to Default" in client.get("/console/apis/bank/versions/v1").content
    assert b"Not published to Default" in client.get("/console/").content
    assert b"Not published" not in client.get(f"/console/apis/{whole.api.name}/versions/v1").content


def _stock(owner: Organization, name: str) -> None:
    """A published version in a product with a plan and a subscriber."""
    version = catalog.published(of=catalog.api(organization=owner, name=name))
    plan = products.plan(organization=owner)
    product = products.product(version=version, plans=[plan], name=f"{name}-access")
    access.subscription(application=access.application(), product=product, plan=plan)
