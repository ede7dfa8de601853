"""APIs: names, words, key headers; archived, restored and deleted."""

from __future__ import annotations

import pytest

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.models import AuditEvent
from apim.catalog import services
from apim.catalog.models import API, APIVersion, Deployment, Revision
from apim.errors import Conflict, DomainError, Invalid, Problems
from apim.products.services import archive_product
from tests.factories import catalog, products
from tests.factories.gateways import wanted_revision

pytestmark = pytest.mark.usefixtures("environment")


def code_of(error: DomainError) -> str:
    """The code of an error, or of the first of several."""
    return error.errors[0].code if isinstance(error, Problems) else error.code


def test_a_name_is_taken_once_in_the_installation(acme: Organization, globex: Organization, by: Actor) -> None:
    services.create_api(organization=acme, name="bank", by=by)
    with pytest.raises(Invalid) as caught:
        services.create_api(organization=globex, name="bank", by=by)
    assert code_of(caught.value) == "catalog.name_taken"
    assert caught.value.field == "name"


@pytest.mark.parametrize("name", ["", "Bank", "a b", "-a", "a-", "a/b", "a_b", "x" * 61])
def test_a_name_is_a_plain_part_of_a_url(name: str, acme: Organization, by: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        services.create_api(organization=acme, name=name, by=by)
    assert caught.value.field == "name"
    assert not API.objects.exists()


@pytest.mark.parametrize("header", ["Host", "Content-Length", "X Key", "", "cookie"])
def test_a_key_header_is_one_that_nobody_else_uses(header: str, acme: Organization, by: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        services.create_api(organization=acme, name="bank", by=by, key_header=header)
    assert caught.value.field == "key_header"


def test_words_are_changed_without_a_word_to_the_gateways(by: Actor) -> None:
    api = catalog.published().api
    before = wanted_revision()
    services.update_api(api=api, changes={"display_name": "The bank"}, by=by)
    assert wanted_revision() == before
    services.update_api(api=api, changes={"key_header": "X-Key"}, by=by)
    assert wanted_revision() == before + 1
    assert AuditEvent.objects.filter(action="api.update").first().after["key_header"] == "X-Key"


def test_fields_that_are_not_there_are_named(by: Actor) -> None:
    with pytest.raises(Invalid) as caught:
        services.update_api(api=catalog.api(), changes={"dispaly_name": "x"}, by=by)
    assert caught.value.hint == "Did you mean `display_name`?"


def test_who_saves_an_api_from_an_old_copy_does_not_undo_what_came_between(by: Actor) -> None:
    stale = catalog.published().api
    services.archive_api(api=API.objects.get(pk=stale.pk), by=by)
    assert services.update_api(api=stale, changes={"description": "new words"}, by=by).archived_at
    stale.archived_at = None
    services.archive_api(api=stale, by=by)
    assert AuditEvent.objects.filter(action="api.archive").count() == 1


def test_archiving_stops_publishing_and_restoring_brings_it_back(by: Actor) -> None:
    version = catalog.published()
    before = wanted_revision()
    services.archive_api(api=version.api, by=by)
    with pytest.raises(Conflict) as caught:
        services.publish_version(version=version, by=by)
    assert caught.value.code == "catalog.api_archived"
    services.restore_api(api=version.api, by=by)
    assert wanted_revision() == before + 2
    assert Deployment.objects.count() == 1


def test_deletion_is_refused_while_anybody_loses_by_it(by: Actor) -> None:
    version = catalog.published()
    product = products.product(version=version)
    consequences = services.deletion_consequences(version.api)
    assert (consequences.versions, consequences.live_versions, consequences.revisions) == (("v1",), ("v1",), 1)
    assert (consequences.products, consequences.can_delete) == ((product.name,), False)
    with pytest.raises(Conflict) as caught:
        services.delete_api(api=version.api, by=by)
    assert caught.value.code == "catalog.api_in_products"
    assert product.name in caught.value.message
    archive_product(product=product, by=by)
    with pytest.raises(Conflict) as caught:
        services.delete_api(api=version.api, by=by)
    assert caught.value.code == "catalog.api_is_live"
    services.archive_api(api=version.api, by=by)
    services.delete_api(api=version.api, by=by)
    assert not API.objects.exists()
    assert not product.items.exists()


def test_an_archived_api_is_deleted_whole(by: Actor) -> None:
    version = catalog.published()
    services.archive_api(api=version.api, by=by)
    before = wanted_revision()
    services.delete_api(api=version.api, by=by)
    assert not any(model.objects.exists() for model in (API, APIVersion, Revision, Deployment))
    assert wanted_revision() == before + 1
    assert AuditEvent.objects.get(action="api.delete").before["versions"] == ["v1"]


def test_a_list_of_versions_takes_a_fixed_number_of_queries(
    acme: Organization, django_assert_num_queries: object
) -> None:
    for number in range(5):
        catalog.published(of=catalog.api(organization=acme, name=f"api-x{number}"))
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert len([version.api.name for version in APIVersion.objects.select_related("api")]) == 5
    with django_assert_num_queries(1):  # type: ignore[operator]
        assert len([one.number for one in Revision.objects.summaries()]) == 5
