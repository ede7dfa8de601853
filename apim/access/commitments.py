"""What the plans of all subscribers promise together, beside what the services behind an API bear.

A subscriber may spend the whole rate of a plan on one API of a product, so each API of the product is held to it.
Owners over-commit on purpose, since not everybody calls at once: this tells by how much, and stops nobody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from django.db.models import Count

from apim.access.models import Subscription
from apim.catalog.models import API
from apim.products.models import Capacity, PlanVersion, Product, ProductItem

_IN_FORCE = (Subscription.Lifecycle.ACTIVE, Subscription.Lifecycle.CANCELED)


@dataclass(frozen=True, slots=True)
class Promise:
    """What one version of a plan promises to those who have it. Shapes: each_per_s None = it sets no rate."""

    product: Product
    version: PlanVersion
    subscribers: int
    each_per_s: Fraction | None

    @property
    def per_s(self) -> int | None:
        """What all of them may call in a second; None = as much as they like."""
        return None if self.each_per_s is None else ceil(self.each_per_s * self.subscribers)


@dataclass(frozen=True, slots=True)
class Commitment:
    """An API: what is promised of it, and what its services bear. Shapes: bears_per_s None = nobody said."""

    api: API
    bears_per_s: int | None
    promises: Sequence[Promise]

    @property
    def promised_per_s(self) -> int:
        """The sum of what plans with a rate promise."""
        rates = (each.each_per_s * each.subscribers for each in self.promises if each.each_per_s is not None)
        return ceil(sum(rates, Fraction(0)))

    @property
    def without_rate(self) -> int:
        """How many subscribers no rate holds."""
        return sum(each.subscribers for each in self.promises if each.each_per_s is None)

    @property
    def percent(self) -> int:
        """The promised share of what the services bear; 0 while nobody said what they bear."""
        return self.promised_per_s * 100 // self.bears_per_s if self.bears_per_s else 0

    @property
    def is_over(self) -> bool:
        """True when subscribers may call more than the services bear."""
        return self.bears_per_s is not None and (self.promised_per_s > self.bears_per_s or self.without_rate > 0)


def commitments(apis: Collection[API]) -> list[Commitment]:
    """The commitment of each API, in the order given. A fixed number of queries."""
    items = ProductItem.objects.filter(version__api__in=apis).values_list("product_id", "version__api_id").distinct()
    products: defaultdict[str, set[str]] = defaultdict(set)
    for product_id, api_id in items:
        products[api_id].add(product_id)
    promises = _promises({each for ids in products.values() for each in ids})
    bears = dict(Capacity.objects.filter(api__in=apis).values_list("api_id", "calls_per_s"))
    return [
        Commitment(
            api,
            bears.get(api.pk),
            [promise for promise in promises if promise.product.pk in products[api.pk]],
        )
        for api in apis
    ]


def _promises(product_ids: Collection[str]) -> list[Promise]:
    """What is promised to subscribers of these products, the most first; those without a rate before all."""
    rows = Subscription.objects.filter(product__in=product_ids, lifecycle__in=_IN_FORCE).order_by()
    counted = list(rows.values_list("product_id", "plan_version_id").annotate(Count("id")))
    products = Product.objects.in_bulk({product_id for product_id, _, _ in counted})
    versions = PlanVersion.objects.select_related("plan").in_bulk({version_id for _, version_id, _ in counted})
    found = [
        Promise(products[product_id], versions[version_id], number, _rate_of(versions[version_id]))
        for product_id, version_id, number in counted
    ]
    return sorted(found, key=lambda each: (each.per_s is not None, -(each.per_s or 0), each.version.pk))


def _rate_of(version: PlanVersion) -> Fraction | None:
    return Fraction(version.rate["requests"], version.rate["per_s"]) if version.rate else None
