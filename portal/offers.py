"""What the portal offers: products with what they open and the plans on sale, read in a fixed number of queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Exists, OuterRef, Prefetch
from django.utils.translation import gettext as _

from apim.billing.catalogue import obstacle_to_sale
from apim.billing.models import StripeConnection
from apim.catalog.models import APIVersion
from apim.catalog.namesakes import told_apart
from apim.products.models import Plan, PlanVersion, Product, ProductItem, ProductPlan

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from apim.accounts.models import Viewer


@dataclass(frozen=True, slots=True)
class PlanOffer:
    """A plan on sale and its terms today."""

    plan: Plan
    terms: PlanVersion
    can_pay: bool = False

    @property
    def is_manual(self) -> bool:
        """True when an owner must say yes first."""
        return self.terms.approval == PlanVersion.Approval.MANUAL

    @property
    def is_priced(self) -> bool:
        """True when it must be paid for."""
        return self.terms.is_priced

    @property
    def is_open(self) -> bool:
        """True when it can be chosen here and now: what must be paid for waits until payments are set up."""
        return not self.is_priced or (self.can_pay and not obstacle_to_sale(self.terms))

    @property
    def is_immediate(self) -> bool:
        """True when it is free and nobody has to say yes: a key works at once."""
        return self.is_open and not self.is_priced and not self.is_manual

    @property
    def why_closed(self) -> str:
        """Why it cannot be chosen, in a few words."""
        return _("Not for sale yet") if self.can_pay else _("Payments are not set up yet")


def products_on_offer(user: Viewer) -> QuerySet[Product]:
    """The products that the visitor may subscribe to, with what plan_offers reads."""
    active_terms = PlanVersion.objects.filter(state=PlanVersion.State.ACTIVE)
    on_sale = (
        ProductPlan.objects.filter(plan__archived_at=None, plan__in=Plan.objects.offered_to(user))
        .select_related("plan")
        .prefetch_related(Prefetch("plan__versions", active_terms, to_attr="active_terms"))
    )
    return (
        Product.objects.visible_to(user)
        .filter(archived_at=None)
        .annotate(can_pay=Exists(StripeConnection.objects.filter(is_active=True)))
        .prefetch_related(Prefetch("productplan_set", on_sale, to_attr="on_sale"))
    )


def offered_products(user: Viewer) -> QuerySet[Product]:
    """The same, with their organizations and what plan_offers and opened_items read."""
    items = ProductItem.objects.filter(version__state__in=APIVersion.CALLABLE).select_related("version__api")
    products = products_on_offer(user).select_related("organization")
    return products.prefetch_related(Prefetch("items", items, to_attr="callable_items"))


def products_with_plans(user: Viewer) -> QuerySet[Product]:
    """Those of products_on_offer() that have a plan on sale for the visitor."""
    active_terms = PlanVersion.objects.filter(state=PlanVersion.State.ACTIVE, plan=OuterRef("plan"))
    on_sale = ProductPlan.objects.filter(
        Exists(active_terms), product=OuterRef("pk"), plan__archived_at=None, plan__in=Plan.objects.offered_to(user)
    )
    return products_on_offer(user).filter(Exists(on_sale))


def plan_offers(product: Product) -> list[PlanOffer]:
    """The plans of a product from products_on_offer(), in the owner's order."""
    can_pay = bool(settings.STRIPE_API_KEY) or product.can_pay  # type: ignore[attr-defined]
    return [PlanOffer(each.plan, terms, can_pay) for each in product.on_sale for terms in each.plan.active_terms]  # type: ignore[attr-defined]


def opened_items(product: Product) -> list[ProductItem]:
    """What a product from offered_products() opens: versions that can be called, some narrowed to operations."""
    items: list[ProductItem] = list(product.callable_items)  # type: ignore[attr-defined]
    told_apart(item.version.api for item in items)
    return items
