"""The most that plans may grant: /ceilings, and the ceiling of an environment or organization."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q
from rest_framework.response import Response

from apim.accounts.models import Organization
from apim.api.lookups import (
    find_environment,
    find_organization,
    require_admin,
)
from apim.api.paging import Listing, page
from apim.api.preconditions import answer, check_match, lock
from apim.api.resource import Resource
from apim.api.schema import operation
from apim.api.serializers.products import (
    CeilingBody,
    CeilingShape,
)
from apim.products.models import Ceiling
from apim.products.services import (
    set_ceiling,
)

if TYPE_CHECKING:
    from apim.api.request import APIRequest
    from apim.gateways.models import Environment

CEILING_LISTING = Listing(sorts={"id": "id"}, default_sort="id")


class Ceilings(Resource):
    """/ceilings"""

    @operation("list_ceilings", tag="Products", scope="products:read", lists=CeilingShape, listing=CEILING_LISTING)
    def get(self, request: APIRequest) -> Response:
        """The ceilings that were set, of environments and organizations."""
        shown = Q(environment__isnull=False) | Q(organization__in=Organization.objects.visible_to(request.user))
        ceilings = Ceiling.objects.filter(shown).select_related("environment", "organization")
        return page(request, ceilings, CEILING_LISTING, CeilingShape)


class EnvironmentCeiling(Resource):
    """/environments/{environment}/ceiling"""

    @operation("get_environment_ceiling", tag="Products", scope="products:read", answers=CeilingShape)
    def get(self, request: APIRequest, environment: str) -> Response:
        """The ceiling of an environment; nulls when none was set."""
        return answer(request, _ceiling(environment=find_environment(request.user, environment)), CeilingShape)

    @operation(
        "set_environment_ceiling",
        tag="Products",
        scope="admin",
        body=CeilingBody,
        answers=CeilingShape,
        example={"max_rate_per_s": 100, "max_per_month": 1_000_000},
    )
    def put(self, request: APIRequest, environment: str) -> Response:
        """Replaces the ceiling of an environment."""
        found = find_environment(request.user, environment)
        require_admin(request.user)
        lock(found)
        check_match(request, _ceiling(environment=found), CeilingShape)
        set_ceiling(environment=found, by=request.actor, **self.read(CeilingBody))
        return answer(request, _ceiling(environment=found), CeilingShape)


class OrganizationCeiling(Resource):
    """/organizations/{organization}/ceiling"""

    @operation("get_organization_ceiling", tag="Products", scope="products:read", answers=CeilingShape)
    def get(self, request: APIRequest, organization: str) -> Response:
        """The ceiling of an organization; nulls when none was set."""
        return answer(request, _ceiling(organization=find_organization(request.user, organization)), CeilingShape)

    @operation("set_organization_ceiling", tag="Products", scope="admin", body=CeilingBody, answers=CeilingShape)
    def put(self, request: APIRequest, organization: str) -> Response:
        """Replaces the ceiling of an organization, which wins over its environment's."""
        found = find_organization(request.user, organization)
        require_admin(request.user)
        lock(found)
        check_match(request, _ceiling(organization=found), CeilingShape)
        set_ceiling(organization=found, by=request.actor, **self.read(CeilingBody))
        return answer(request, _ceiling(organization=found), CeilingShape)


def _ceiling(*, environment: Environment | None = None, organization: Organization | None = None) -> Ceiling:
    scope = {"environment": environment} if environment else {"organization": organization}
    return Ceiling.objects.filter(**scope).first() or Ceiling(**scope)
