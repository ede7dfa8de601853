"""Gateways, and APIs as they stand in an environment, made by the real services; much of it at once by rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from apim.accounts.models import Organization
from apim.catalog import services as catalog
from apim.catalog.models import API, APIVersion, Deployment, Revision
from apim.gateways.models import AccessRecord, Environment
from apim.gateways.services import EnrolledGateway, default_environment, enroll_gateway
from apim.products.models import Product, ProductItem
from tests.factories.accounts import TESTER, organization

_numbers = count(1)


def enrolled_gateway(*, environment: Environment | None = None, name: str = "") -> EnrolledGateway:
    """A gateway of the default environment, and its token."""
    return enroll_gateway(
        environment=environment or default_environment(), name=name or f"gateway-{next(_numbers)}", by=TESTER
    )


def published_version(
    *operations: str, name: str = "", of: Organization | None = None, upstream: str = "http://127.0.0.1:9101"
) -> APIVersion:
    """Version v1 of a fresh API, in force in the default environment; operations are written like "GET /accounts"."""
    api = catalog.create_api(
        organization=of or organization(), name=name or f"api-{next(_numbers)}", by=TESTER
    )  # fmt: skip
    version = catalog.create_version(api=api, name="v1", by=TESTER)
    changed_version(version, *(operations or ("GET /accounts",)), upstream=upstream)
    return version


def changed_version(version: APIVersion, *operations: str, upstream: str = "http://127.0.0.1:9101") -> Revision:
    """The next revision of a version, published."""
    revision = catalog.save_revision(
        version=version,
        by=TESTER,
        operations=[_operation(text) for text in operations],
        upstream={"targets": [{"url": upstream, "weight": 100}], "timeout_s": 5},
    )
    catalog.publish_version(version=version, by=TESTER, revision=revision)
    return revision


def stock(environment: Environment, *, apis: int, operations: int = 2, access: int = 0) -> None:
    """Fill an environment with so many APIs, each in a product of its own, and access records; by rows, for size."""
    owner = organization()
    start = next(_numbers) * 100_000
    made = [
        API(organization=owner, name=f"api-{number}", display_name=f"API {number}")
        for number in range(start, start + apis)
    ]
    versions = [APIVersion(api=api, name="v1", state=APIVersion.State.PUBLISHED) for api in made]
    contract = [_operation(f"GET /things/{{id}}/part-{number}") for number in range(operations)]
    revisions = [
        Revision(
            version=version,
            number=1,
            operations=contract,
            upstream={"targets": [{"url": "http://127.0.0.1:9101", "weight": 100}], "timeout_s": 5},
            digest=f"{number:064x}",
            created_by="tests",
        )
        for number, version in enumerate(versions)
    ]
    products = [Product(organization=owner, name=f"product-{api.name}", display_name=api.name) for api in made]
    _insert(API, made)
    _insert(APIVersion, versions)
    _insert(Revision, revisions)
    _insert(Product, products)
    pairs = list(zip(versions, revisions, products, strict=True))
    _insert(
        Deployment,
        [Deployment(environment=environment, version=v, revision=r, deployed_by="tests") for v, r, _ in pairs],
    )
    _insert(ProductItem, [ProductItem(product=product, version=version) for version, _, product in pairs])
    _stock_access(environment, access)


def _stock_access(environment: Environment, number: int) -> None:
    first = environment.access_seq + 1
    body = {"id": "crd_1", "application": "app_1", "organization": "org_1", "product": "", "state": "active"}
    kind = AccessRecord.Kind.CREDENTIAL
    _insert(
        AccessRecord,
        [
            AccessRecord(environment=environment, kind=kind, key=f"{seq:064x}", seq=seq, body=body | {"expires_at": 0})
            for seq in range(first, first + number)
        ],
    )
    Environment.objects.filter(id=environment.id).update(access_seq=environment.access_seq + number)


def _insert(model: type, instances: Sequence[object]) -> None:
    model.objects.bulk_create(instances, batch_size=500)  # type: ignore[attr-defined]


def _operation(text: str) -> dict[str, object]:
    method, path = text.split(" ", 1)
    return {
        "method": method,
        "path": path,
        "operation_id": "",
        "summary": "",
        "tags": [],
        "deprecated": False,
    }


def wanted_revision() -> int:
    """How often gateways were told that something changed."""
    return Environment.objects.get().revision
