"""Plans and products, made by the real services."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from apim.accounts.models import Organization
from apim.catalog.models import APIVersion
from apim.products import services
from apim.products.limits import Terms
from apim.products.models import Plan, Product
from tests.factories.accounts import TESTER
from tests.factories.accounts import organization as new_organization
from tests.factories.catalog import published

_numbers = count(1)


def plan(*, organization: Organization | None = None, name: str = "", terms: Terms | None = None) -> Plan:
    """A plan that approves by itself and sets no limit, unless its terms say otherwise."""
    return services.create_plan(
        organization=organization or new_organization(),
        name=name or f"plan-{next(_numbers)}",
        terms=terms or Terms(),
        by=TESTER,
    )


def product(
    *,
    version: APIVersion | None = None,
    operations: Sequence[str] = (),
    plans: Sequence[Plan] | None = None,
    name: str = "",
    visibility: str = Product.Visibility.PUBLIC,
) -> Product:
    """A product of one published version, with one plan of the same organization unless some are given."""
    version = version or published()
    organization = version.api.organization
    return services.create_product(
        organization=organization,
        name=name or f"product-{next(_numbers)}",
        items=[(version, operations)],
        plans=[plan(organization=organization)] if plans is None else plans,
        visibility=visibility,
        by=TESTER,
    )
