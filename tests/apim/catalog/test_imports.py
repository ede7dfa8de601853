"""Importing: the first time, again, and over a pass-through. What owners made is never dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.catalog import services
from apim.catalog.models import API, APIVersion, Revision
from apim.catalog.services import Imported
from apim.errors import Conflict, Invalid, NotFound, Problems
from tests.factories import products
from tests.factories.catalog import openapi

ACCOUNTS = Path(__file__).parents[3] / "examples" / "bank" / "openapi" / "accounts-v1.yaml"
SOUND = "{responses: {'200': {description: ok}}}"

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def bring(acme: Organization, by: Actor) -> object:
    """`bring(text)` imports into bank v1."""

    def make(source: str, *, upstream_url: str = "http://127.0.0.1:9101", publish: bool = True) -> Imported:
        imported = services.import_document(
            source=source,
            api_name="bank",
            version_name="v1",
            upstream_url=upstream_url,
            organization=acme,
            by=by,
        )
        if publish:
            services.publish_version(version=imported.version, by=by, revision=imported.revision)
        return imported

    return make


def test_an_import_makes_everything_that_is_missing(bring: type[Imported]) -> None:
    imported = bring(ACCOUNTS.read_text())
    assert (imported.api.display_name, imported.version.state) == ("Bank API", APIVersion.State.PUBLISHED)
    assert (imported.problems, imported.changes) == ((), ())
    assert len(imported.revision.operations) == 5
    assert imported.revision.document == ACCOUNTS.read_text()


def test_importing_the_same_again_makes_no_revision(bring: type[Imported]) -> None:
    first = bring(ACCOUNTS.read_text())
    assert bring(ACCOUNTS.read_text()).revision == first.revision


def test_a_second_import_keeps_what_owners_made(bring: type[Imported], by: Actor) -> None:
    version = bring(openapi(f"  /a:\n    get: {SOUND}\n  /b:\n    get: {SOUND}")).version
    services.save_revision(version=version, by=by, policies=[{"size-limit": {"max": "1MiB"}}])
    services.update_version(version=version, changes={"documentation": "# How"}, by=by)
    whole = products.product(version=version)
    narrow = products.product(version=version, operations=["GET /b"])

    again = bring(openapi(f"  /a:\n    get: {SOUND}\n  /c:\n    get: {SOUND}"), upstream_url="")

    assert again.revision.policies == [{"size-limit": {"max": "1MiB"}}]
    assert again.revision.upstream["targets"][0]["url"] == "http://127.0.0.1:9101"
    again.version.refresh_from_db()
    assert again.version.documentation == "# How"
    assert {product.name for product in (whole, narrow)} == set(
        version.product_items.values_list("product__name", flat=True)
    )
    removed, added = again.changes
    assert (removed.action, removed.operation, removed.products) == ("removed", "GET /b", (narrow.name,))
    assert removed.is_warning
    assert (added.action, added.operation, added.is_warning) == ("added", "GET /c", False)


def test_valid_parts_are_kept_and_the_rest_is_told(bring: type[Imported]) -> None:
    imported = bring(openapi(f"  /a:\n    get: {SOUND}\n    post: 3"))
    assert [one["path"] for one in imported.revision.operations] == ["/a"]
    assert imported.problems[0]["line"] == 6
    assert imported.problems[0]["pointer"] == "/paths/~1a/post"


def test_what_cannot_be_read_makes_nothing(bring: type[Imported]) -> None:
    with pytest.raises(Problems) as caught:
        bring("openapi: 3.1.0\npaths: [")
    assert caught.value.errors[0].code == "catalog.document"
    assert "Line" in caught.value.errors[0].message
    assert not API.objects.exists()


def test_a_new_version_without_an_upstream_takes_the_documents_server(bring: type[Imported]) -> None:
    imported = bring(openapi(more="servers: [{url: https://api.example.com/v2}]\n"), upstream_url="")
    assert imported.revision.upstream["targets"][0]["url"] == "https://api.example.com"
    assert imported.revision.base_path == "/v2"


def test_a_published_import_needs_an_upstream(bring: type[Imported]) -> None:
    with pytest.raises(Conflict) as caught:
        bring(openapi(), upstream_url="")
    assert caught.value.code == "catalog.no_upstream"


def test_another_organizations_api_is_out_of_reach(bring: type[Imported], globex: Organization, by: Actor) -> None:
    services.create_api(organization=globex, name="bank", by=by)
    with pytest.raises(NotFound):
        bring(openapi())


def test_a_pass_through_takes_a_contract_later(acme: Organization, bring: type[Imported], by: Actor) -> None:
    version = services.create_passthrough(
        organization=acme,
        api_name="bank",
        version_name="v1",
        upstream_url="http://127.0.0.1:9101",
        methods=["get", "POST"],
        prefix="/soap/",
        by=by,
    )
    services.publish_version(version=version, by=by)
    assert Revision.objects.get().passthrough == {"methods": ["GET", "POST"], "prefix": "/soap"}

    imported = bring(openapi(), upstream_url="")

    assert imported.version == version
    assert imported.revision.passthrough is None
    assert imported.revision.operations[0]["path"] == "/accounts"
    assert services.rollback_version(version=version, by=by).revision.passthrough is not None


@pytest.mark.parametrize(("methods", "prefix"), [([], "/"), (["CONNECT"], "/"), (["GET"], "a"), (["GET"], "/{id}")])
def test_a_pass_through_that_makes_no_sense_is_refused(
    methods: list[str], prefix: str, acme: Organization, by: Actor
) -> None:
    with pytest.raises(Invalid, match=r"method|prefix|slash"):
        services.create_passthrough(
            organization=acme,
            api_name="soap",
            version_name="v1",
            upstream_url="http://127.0.0.1:9101",
            methods=methods,
            prefix=prefix,
            by=by,
        )
    assert not API.objects.exists()


def test_operations_of_a_document_are_not_edited_by_hand(bring: type[Imported], by: Actor) -> None:
    version = bring(openapi()).version
    with pytest.raises(Conflict) as caught:
        services.save_revision(version=version, by=by, operations=[{"method": "GET", "path": "/x"}])
    assert caught.value.code == "catalog.operations_from_document"
    dropped = services.save_revision(version=version, by=by, document="", operations=[{"method": "GET", "path": "/x"}])
    assert ([one["path"] for one in dropped.operations], dropped.document) == (["/x"], "")
