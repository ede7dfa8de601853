"""Offers: a version brought to developers in one act: a product, a plan made from a template, and their meter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext

from apim.errors import Forbidden
from apim.products.models import Meter, Plan, Product
from apim.products.services import Terms, create_meter, create_plan, create_product, update_product

if TYPE_CHECKING:
    from apim.audit.actor import Actor
    from apim.catalog.models import APIVersion

_WORDS = {
    "free": "Free",
    "flat": "Flat",
    "overage": "Standard",
    "usage": "Pay as you go",
    "prepaid": "Prepaid",
}


@transaction.atomic
def offer_version(*, version: APIVersion, chosen: Mapping[str, Any], may_make_plans: bool, by: Actor) -> Product:
    """The product that offers the version with the chosen plan.

    Shapes: chosen as OfferForm has it. Errors: those of create_product, create_plan and create_meter.
    """
    plan = chosen["plan"] if chosen["template"] == "existing" else _plan(version, chosen, may_make_plans, by)
    product: Product | None = chosen["product"]
    if product is None:
        return create_product(
            organization=version.api.organization,
            name=chosen["product_name"],
            display_name=version.api.display_name,
            items=[(version, [])],
            plans=[plan],
            by=by,
        )
    items = [(item.version, item.operations) for item in product.items.select_related("version")]
    plans = list(product.plans.order_by("productplan__position"))
    changes = {"items": [*items, (version, [])], "plans": plans if plan in plans else [*plans, plan]}
    return update_product(product=product, changes=changes, by=by)


def _plan(version: APIVersion, chosen: Mapping[str, Any], may_make_plans: bool, by: Actor) -> Plan:  # noqa: FBT001
    if not may_make_plans:
        message = gettext("Only admins edit plans here.")
        raise Forbidden("console.plans_not_delegated", message, hint=gettext("Choose a plan that exists."))
    product = chosen["product"]
    base = product.name if product else chosen["product_name"]
    return create_plan(
        organization=version.api.organization,
        name=chosen["plan_name"] or f"{base}-{chosen['template']}"[:60],
        display_name=_WORDS[chosen["template"]],
        terms=Terms(
            approval=chosen["approval"],
            rate={"requests": chosen["rate"], "per_s": 1, "burst": chosen["rate"]} if chosen["rate"] else None,
            quotas=[{"requests": chosen["calls"], "per": "month"}] if chosen["template"] in {"free", "flat"} else (),
            pricing=_pricing(version, chosen, by),
        ),
        by=by,
    )


def _pricing(version: APIVersion, chosen: Mapping[str, Any], by: Actor) -> dict[str, Any] | None:
    """What a Plan document says of the template's prices; None for a free one."""
    template = chosen["template"]
    if template == "free":
        return None
    found: dict[str, Any] = {"currency": chosen["currency"], "interval": "month"}
    flat = {"model": "flat", "name": "Base fee", "amount": str(chosen["price"])}
    if template == "flat":
        return found | {"prices": [flat]}
    meter = _meter(version, by)
    unit = {"model": "unit", "name": "Calls", "meter": meter.name, "unit": str(chosen["unit"])}
    if template == "overage":
        tiers = [{"upTo": chosen["calls"], "unit": "0"}, {"unit": str(chosen["unit"])}]
        more = {"model": "graduated", "name": "Calls", "meter": meter.name, "tiers": tiers}
        return found | {"prices": [flat, more]}
    if template == "prepaid":
        top_up = {"model": "prepaid", "name": "Credits", "amount": str(chosen["top_up"])}
        return found | {"prices": [top_up, unit]}
    return found | {"prices": [unit]}


def _meter(version: APIVersion, by: Actor) -> Meter:
    """The meter of the API's good calls, made when it is missing."""
    name = f"{version.api.name[:54]}-calls"
    found = Meter.objects.filter(name=name, organization=version.api.organization).first()
    if found is not None:
        return found
    definition = {"unit": "call", "source": "requests", "where": "status < 400"}
    return create_meter(
        organization=version.api.organization,
        name=name,
        display_name=f"{version.api.display_name}: calls",
        definition=definition,
        by=by,
    )
