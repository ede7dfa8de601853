"""Products: which operations they open, and by which plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.catalog.models import APIVersion, Deployment
from apim.catalog.operations import matches, operation_name, pattern_fault
from apim.errors import DomainError, Invalid, Problems
from apim.gateways.services import touch
from apim.products.models import Plan, Product, ProductItem, ProductPlan
from apim.validation import require_clean, require_known

Item = tuple[APIVersion, Sequence[str]]

_WORDS = frozenset({"display_name", "description", "visibility"})
_PATTERNS_AT_MOST = 1000


@transaction.atomic
def create_product(
    *,
    organization: Organization,
    name: str,
    items: Sequence[Item],
    plans: Sequence[Plan],
    by: Actor,
    display_name: str = "",
    description: str = "",
    visibility: str = Product.Visibility.PUBLIC,
) -> Product:
    """A new product.

    Shapes: items = (version, patterns such as `GET /accounts*`; none = every operation); plans in the order shown.
    Errors: products.name_taken, products.items, products.plans.
    """
    product = Product(
        organization=organization,
        name=name,
        display_name=display_name or name,
        description=description,
        visibility=visibility,
    )
    require_clean(product, prefix="products")
    product.save()
    _set_items(product, items)
    _set_plans(product, plans)
    record(by=by, action="product.create", target=product, after=state_of_product(product))
    touch(_environments_of(product))
    return product


@transaction.atomic
def update_product(*, product: Product, changes: Mapping[str, Any], by: Actor) -> Product:
    """The product with changes: its words, `items` and `plans`, the two as in create_product and as a whole."""
    require_known(changes, _WORDS | {"items", "plans"}, prefix="products", noun="A product")
    _lock(product)
    before = state_of_product(product)
    touched = _environments_of(product)
    for name in _WORDS & changes.keys():
        setattr(product, name, changes[name])
    require_clean(product, prefix="products")
    if "items" in changes:
        _set_items(product, changes["items"])
    if "plans" in changes:
        _set_plans(product, changes["plans"])
    after = state_of_product(product)
    if before == after:
        return product
    product.save()
    record(by=by, action="product.update", target=product, before=before, after=after)
    if before["items"] != after["items"]:
        touch(touched | _environments_of(product))
    return product


@transaction.atomic
def archive_product(*, product: Product, by: Actor) -> Product:
    """The product out of the catalogue: no new subscriptions; those that live go on."""
    return _mark(product, is_archived=True, by=by)


@transaction.atomic
def restore_product(*, product: Product, by: Actor) -> Product:
    """The archived product in the catalogue again."""
    return _mark(product, is_archived=False, by=by)


def _lock(product: Product) -> None:
    """Hold the product until the commit, as it is now: what was done since it was read must not be undone."""
    product.refresh_from_db(from_queryset=Product.objects.select_for_update(no_key=True))


def _mark(product: Product, *, is_archived: bool, by: Actor) -> Product:
    _lock(product)
    if bool(product.archived_at) == is_archived:
        return product
    before = state_of(product)
    product.archived_at = timezone.now() if is_archived else None
    product.save(update_fields=["archived_at", "updated_at"])
    action = "product.archive" if is_archived else "product.restore"
    record(by=by, action=action, target=product, before=before, after=state_of(product))
    return product


def _set_items(product: Product, items: Sequence[Item]) -> None:
    kept = {item.version_id: item for item in product.items.all()}
    errors = [error for index, item in enumerate(items) for error in _item_errors(product, index, item, kept)]
    if not items:
        errors.append(Invalid("products.items", gettext("A product opens one version at least."), field="items"))
    if len({version.pk for version, _ in items}) < len(items):
        errors.append(Invalid("products.items", gettext("A version stands in a product once."), field="items"))
    if errors:
        raise Problems(tuple(errors))
    product.items.exclude(version__in=[version for version, _ in items]).delete()
    for version, operations in items:
        ProductItem.objects.update_or_create(
            product=product, version=version, defaults={"operations": list(dict.fromkeys(operations))}
        )


def _item_errors(product: Product, index: int, item: Item, kept: Mapping[str, ProductItem]) -> Iterable[DomainError]:
    version, patterns = item
    field = f"items.{index}"
    if version.api.organization_id != product.organization_id:
        yield Invalid(
            "products.items",
            gettext("%(version)s belongs to another organization.") % {"version": version},
            field=f"{field}.version",
        )
        return
    if len(patterns) > _PATTERNS_AT_MOST:
        yield Invalid(
            "products.items",
            gettext("At most %(patterns_at_most)s patterns a version.")
            % {"patterns_at_most": f"{_PATTERNS_AT_MOST:,}"},
            field=field,
        )
        return
    # What a re-import took away is reported there; a product that names it may still be saved.
    known = set(kept[version.pk].operations) if version.pk in kept else set()
    for number, pattern in enumerate(patterns):
        if fault := pattern_fault(pattern):
            yield Invalid(
                "products.items",
                gettext("`%(pattern)s`: %(fault)s") % {"pattern": pattern, "fault": fault},
                field=f"{field}.operations.{number}",
            )
    fresh = [pattern for pattern in patterns if pattern not in known and not pattern_fault(pattern)]
    yield from _unmatched(version, fresh, f"{field}.operations") if fresh else ()


def _unmatched(version: APIVersion, patterns: Sequence[str], field: str) -> Iterable[DomainError]:
    revision = version.revisions.defer("document").first()
    if revision is None or revision.passthrough:
        return
    for pattern in patterns:
        if not any(matches(pattern, operation) for operation in revision.operations):
            names = [operation_name(operation) for operation in revision.operations]
            near = get_close_matches(pattern, names, n=1)
            message = gettext("%(version)s has no operation that `%(pattern)s` names.") % {
                "version": version,
                "pattern": pattern,
            }
            yield Invalid(
                "products.items",
                message,
                field=field,
                hint=(gettext("Did you mean `%(name)s`?") % {"name": near[0]} if near else ""),
            )


def _set_plans(product: Product, plans: Sequence[Plan]) -> None:
    errors = [
        Invalid(
            "products.plans",
            gettext("%(plan)s belongs to another organization.") % {"plan": plan},
            field=f"plans.{index}",
        )
        for index, plan in enumerate(plans)
        if plan.organization_id != product.organization_id and not plan.organization.is_default
    ]
    if len({plan.pk for plan in plans}) < len(plans):
        errors.append(Invalid("products.plans", gettext("A plan stands in a product once."), field="plans"))
    if errors:
        raise Problems(tuple(errors))
    ProductPlan.objects.filter(product=product).exclude(plan__in=plans).delete()
    for position, plan in enumerate(plans):
        ProductPlan.objects.update_or_create(product=product, plan=plan, defaults={"position": position})


def state_of_product(product: Product) -> dict[str, Any]:
    """The product with what it opens and offers, as the audit log keeps it."""
    items = product.items.select_related("version__api").order_by("version__api__name", "version__name")
    offers = ProductPlan.objects.filter(product=product).select_related("plan")
    return state_of(product) | {
        "items": [
            {"version": f"{item.version.api.name} {item.version.name}", "operations": item.operations} for item in items
        ],
        "plans": [offer.plan.name for offer in offers],
    }


def _environments_of(product: Product) -> set[str]:
    versions = product.items.values("version_id")
    return set(Deployment.objects.filter(version_id__in=versions).values_list("environment_id", flat=True))
