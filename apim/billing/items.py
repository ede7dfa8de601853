"""Items: what of a plan version Stripe bills, and which version a list of prices is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from apim.billing.catalogue import price_of
from apim.billing.connection import Connection
from apim.billing.models import CatalogueEntry
from apim.pricing.closing import is_arrears
from apim.pricing.parts import Flat, Prepaid, Setup
from apim.products.models import PlanVersion, Product

_KEY_PARTS: Final = 5


def recurring_items(connection: Connection, product: Product, version: PlanVersion) -> list[dict[str, Any]]:
    """What Stripe bills each period of the version: {"apim_part", "price"} and how many of what is no usage.

    Errors: DriverFailed.
    """
    items: list[dict[str, Any]] = []
    for part in version.terms.prices:
        if isinstance(part, Setup | Prepaid) or is_arrears(part):
            continue  # due once, at the beginning, or a line of our own on each draft
        item: dict[str, Any] = {"apim_part": part.name, "price": price_of(connection, product, version, part)}
        if isinstance(part, Flat):
            item["quantity"] = 1
        items.append(item)
    return items


def changed_items(
    connection: Connection, product: Product, version: PlanVersion, found: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The change of a Stripe subscription's items to the version's.

    A price of the same name takes the place of the old one, so its usage goes on. Errors: DriverFailed.
    """
    old = {(each["price"].get("metadata") or {}).get("apim_part", each["id"]): each for each in found["items"]["data"]}
    items: list[dict[str, Any]] = []
    for item in recurring_items(connection, product, version):
        before = old.pop(item.pop("apim_part"), None)
        items.append(item if before is None else item | {"id": before["id"]})
    return items + [{"id": each["id"], "deleted": True} for each in old.values()]


def phase_items(items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The same items as a schedule's phase has them."""
    made = []
    for each in items:
        price = each["price"]["id"] if isinstance(each["price"], Mapping) else each["price"]
        item: dict[str, Any] = {"price": price}
        if each.get("quantity") is not None:
            item["quantity"] = each["quantity"]
        made.append(item)
    return made


def version_of_items(connection: Connection, items: Iterable[Mapping[str, Any]]) -> PlanVersion | None:
    """The one plan version whose prices the items have; None for none or several.

    Shapes: items of a subscription, of a pending update or of a schedule's phase: price is an object or an id.
    """
    ids = {each["price"]["id"] if isinstance(each["price"], Mapping) else each["price"] for each in items}
    entries = CatalogueEntry.objects.filter(mode=connection.mode, kind="price", stripe_id__in=ids)
    named = [key.split(":") for key in entries.values_list("lookup_key", flat=True)]
    found = {(parts[1], parts[2]) for parts in named if len(parts) == _KEY_PARTS}
    if len(found) != 1:
        return None
    plan, number = found.pop()
    versions = PlanVersion.objects.select_related("plan")
    return versions.filter(plan__name=plan, number=int(number.removeprefix("v"))).first()
