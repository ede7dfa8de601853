"""Products and plans: /products, /plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.response import Response

from apim.access.services import revise_plan
from apim.accounts.models import Organization
from apim.api.lookups import (
    find_plan,
    find_product,
    find_version,
    named_organization,
    require_admin,
    require_editable,
    require_owner,
)
from apim.api.paging import Listing, equals, is_set, page, refers
from apim.api.preconditions import answer, answer_created, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.pricing import document_of
from apim.api.serializers.products import (
    PlanBody,
    PlanChanges,
    PlanShape,
    PlanVersionShape,
    ProductBody,
    ProductChanges,
    ProductShape,
)
from apim.errors import Invalid
from apim.products.models import Plan, PlanVersion, Product
from apim.products.services import (
    Terms,
    archive_plan,
    archive_product,
    create_plan,
    create_product,
    update_plan,
    update_product,
)
from apim.products.services.plans import active_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

    from apim.accounts.models import Viewer
    from apim.api.request import APIRequest
    from apim.catalog.models import APIVersion

LISTING = Listing(
    sorts={"name": "name", "created_at": "created_at", "updated_at": "updated_at"},
    default_sort="name",
    filters={"name": equals("name"), "organization": refers("organization"), "archived": is_set("archived_at")},
)
PLAN_VERSION_LISTING = Listing(sorts={"number": "number"}, default_sort="-number")


def with_offer(products: QuerySet[Product]) -> QuerySet[Product]:
    """Products with all that ProductShape shows."""
    return products.select_related("organization").prefetch_related("items__version__api", "productplan_set__plan")


def terms_of(data: dict[str, Any], pricing: Mapping[str, Any] | None = None) -> Terms:
    """The terms a body asks for; a rate without burst may burst by as much as it allows in its period.

    Shapes: pricing = what the plan costs so far, kept when the body leaves it out.
    """
    rate = dict(data["rate"]) if data["rate"] else None
    if rate and rate["burst"] is None:
        rate["burst"] = rate["requests"]
    quotas = [dict(quota) for quota in data["quotas"]]
    if "pricing" in data:
        pricing = document_of(data["pricing"]) if data["pricing"] else None
    return Terms(
        approval=data["approval"],
        rate=rate,
        quotas=quotas,
        timezone=data["timezone"],
        pricing=pricing,
        weights=data["weights"],
        when_unconfirmed=data["when_unconfirmed"],
        when_unrecorded=data["when_unrecorded"],
    )


def organizations_of(data: dict[str, Any]) -> dict[str, Any]:
    """The body with the organizations of `offered_to` in place of their names.

    Errors: Invalid products.no_organization.
    """
    if "offered_to" not in data:
        return data
    found = {each.name: each for each in Organization.objects.filter(name__in=data["offered_to"])}
    for name in data["offered_to"]:
        if name not in found:
            raise Invalid("products.no_organization", f"There is no organization `{name}`.", field="offered_to")
    return data | {"offered_to": list(found.values())}


class Plans(Resource):
    """/plans"""

    @operation("list_plans", tag="Products", scope="products:read", lists=PlanShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The plans that the caller may see, each with its active terms."""
        plans = (
            Plan.objects.visible_to(request.user)
            .select_related("organization")
            .prefetch_related("versions", "offered_to")
        )
        return page(request, plans, LISTING, PlanShape)

    @operation(
        "create_plan",
        tag="Products",
        scope="products:write",
        body=PlanBody,
        answers=PlanShape,
        status=201,
        example={
            "name": "starter",
            "display_name": "Starter",
            "terms": {
                "approval": "auto",
                "rate": {"requests": 10, "per_s": 1, "burst": 10},
                "quotas": [{"requests": 1000, "per": "month"}],
            },
        },
    )
    def post(self, request: APIRequest) -> Response:
        """Makes a plan."""
        data = organizations_of(self.read(PlanBody))
        organization = named_organization(request.user, data.pop("organization"))
        if organization.owners_edit_plans:
            require_owner(request.user, organization)
        else:
            require_admin(request.user)
        plan = create_plan(organization=organization, terms=terms_of(data.pop("terms")), by=request.actor, **data)
        return answer_created(request, plan, PlanShape, "plans")


class OnePlan(Resource):
    """/plans/{plan}"""

    @operation("get_plan", tag="Products", scope="products:read", answers=PlanShape)
    def get(self, request: APIRequest, plan: str) -> Response:
        """The plan with this id or name."""
        return answer(request, find_plan(request.user, plan), PlanShape)

    @operation("update_plan", tag="Products", scope="products:write", body=PlanChanges, answers=PlanShape)
    def patch(self, request: APIRequest, plan: str) -> Response:
        """Changes a plan; `terms` are replaced whole and make a new plan version."""
        found, changes = self._lock(request, plan), organizations_of(self.read(PlanChanges))
        terms = changes.pop("terms", None)
        if changes:
            update_plan(plan=found, changes=changes, by=request.actor)
        if terms is not None:
            active = active_version(found)
            pricing = active.pricing if active else None
            revise_plan(plan=found, terms=terms_of(terms, pricing), by=request.actor)
        return answer(request, find_plan(request.user, found.pk), PlanShape)

    @operation("archive_plan", tag="Products", scope="products:write", status=204)
    def delete(self, request: APIRequest, plan: str) -> Response:
        """Archives the plan: nobody new may take it, who has it keeps it."""
        archive_plan(plan=self._lock(request, plan), by=request.actor)
        return Response(status=204)

    def _lock(self, request: APIRequest, reference: str) -> Plan:
        plan = find_plan(request.user, reference)
        require_editable(Plan.objects.editable_by(request.user), plan)
        lock(plan)
        check_match(request, plan, PlanShape)
        return plan


class PlanVersions(Resource):
    """/plans/{plan}/versions"""

    @operation(
        "list_plan_versions",
        tag="Products",
        scope="products:read",
        lists=PlanVersionShape,
        listing=PLAN_VERSION_LISTING,
    )
    def get(self, request: APIRequest, plan: str) -> Response:
        """The terms of a plan over time, the newest first."""
        versions = PlanVersion.objects.filter(plan=find_plan(request.user, plan))
        return page(request, versions, PLAN_VERSION_LISTING, PlanVersionShape)


class Products(Resource):
    """/products"""

    @operation("list_products", tag="Products", scope="products:read", lists=ProductShape, listing=LISTING)
    def get(self, request: APIRequest) -> Response:
        """The products that the caller may see."""
        return page(request, with_offer(Product.objects.visible_to(request.user)), LISTING, ProductShape)

    @operation(
        "create_product",
        tag="Products",
        scope="products:write",
        body=ProductBody,
        answers=ProductShape,
        status=201,
        example={
            "name": "bank-payments",
            "items": [{"version": "bank:v1", "operations": ["GET /accounts*"]}],
            "plans": ["starter"],
        },
    )
    def post(self, request: APIRequest) -> Response:
        """Makes a product."""
        data = self.read(ProductBody)
        organization = named_organization(request.user, data.pop("organization"))
        require_owner(request.user, organization)
        data.update(_bundle(request.user, data))
        product = create_product(organization=organization, by=request.actor, **data)
        return answer_created(request, product, ProductShape, "products")


class OneProduct(Resource):
    """/products/{product}"""

    @operation("get_product", tag="Products", scope="products:read", answers=ProductShape)
    def get(self, request: APIRequest, product: str) -> Response:
        """The product with this id or name."""
        return answer(request, find_product(request.user, product), ProductShape)

    @operation("update_product", tag="Products", scope="products:write", body=ProductChanges, answers=ProductShape)
    def patch(self, request: APIRequest, product: str) -> Response:
        """Changes the fields that are sent; `items` and `plans` are replaced whole."""
        found, changes = self._lock(request, product), self.read(ProductChanges)
        changes.update(_bundle(request.user, changes))
        update_product(product=found, changes=changes, by=request.actor)
        return answer(request, find_product(request.user, found.pk), ProductShape)

    @operation("archive_product", tag="Products", scope="products:write", status=204)
    def delete(self, request: APIRequest, product: str) -> Response:
        """Archives the product: nobody new may subscribe."""
        archive_product(product=self._lock(request, product), by=request.actor)
        return Response(status=204)

    def _lock(self, request: APIRequest, reference: str) -> Product:
        product = find_product(request.user, reference)
        require_editable(Product.objects.editable_by(request.user), product)
        lock(product)
        check_match(request, product, ProductShape)
        return product


def _bundle(user: Viewer, data: dict[str, Any]) -> dict[str, Any]:
    """The items and plans of a body as objects, those that were sent."""
    result: dict[str, Any] = {}
    if "items" in data:
        items: list[tuple[APIVersion, list[str]]] = [
            (find_version(user, item["version"]), item["operations"]) for item in data["items"]
        ]
        result["items"] = items
    if "plans" in data:
        result["plans"] = [find_plan(user, name) for name in data["plans"]]
    return result
