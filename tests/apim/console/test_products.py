"""Products in forms: what their patterns match, and which of their plans stay."""

from __future__ import annotations

from apim.accounts.models import Organization, User
from apim.audit.actor import Actor
from apim.products.models import Product
from apim.products.services import archive_plan
from tests.conftest import LogIn
from tests.factories import accounts, catalog, products


def test_a_product_shows_what_patterns_match_before_it_is_made(log_in: LogIn, acme: Organization, owner: User) -> None:
    version = catalog.published(of=catalog.api(organization=acme, name="bank"))
    client = log_in(owner)
    data = {
        "name": "bank-access", "display_name": "Bank access", "visibility": "public", "organization": acme.pk,
        "plans": [products.plan(organization=acme).pk],
        "items-TOTAL_FORMS": "1", "items-INITIAL_FORMS": "0",
        "items-0-version": version.pk, "items-0-operations": "GET /nothing*",
    }  # fmt: skip

    preview = client.post("/console/new-product", {**data, "preview": "1"})
    assert b"matches no operation" in preview.content
    assert not Product.objects.exists()
    client.post("/console/new-product", {**data, "items-0-operations": ""})

    assert Product.objects.get().items.get().version == version


def test_saving_a_product_keeps_plans_of_the_platform_and_archived_ones(
    log_in: LogIn, acme: Organization, owner: User, by: Actor
) -> None:
    shared = products.plan(organization=accounts.organization(name="platform", is_default=True))
    archived = products.plan(organization=acme)
    version = catalog.published(of=catalog.api(organization=acme))
    product = products.product(version=version, plans=[shared, archived])
    archive_plan(plan=archived, by=by)
    client, url = log_in(owner), f"/console/products/{product.name}/edit"

    form = client.get(url).context["form"]
    assert set(form.fields["plans"].queryset) == {shared, archived}
    data = {
        "display_name": "Renamed", "visibility": "public", "plans": [shared.pk, archived.pk],
        "items-TOTAL_FORMS": "1", "items-INITIAL_FORMS": "1", "items-0-version": version.pk,
    }  # fmt: skip
    assert client.post(url, data).status_code == 302

    product.refresh_from_db()
    assert product.display_name == "Renamed"
    assert set(product.plans.all()) == {shared, archived}
