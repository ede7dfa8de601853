"""Writes on plans, products, ceilings and capacities, one module a noun."""

from __future__ import annotations

from apim.products.limits import Terms
from apim.products.services.capacities import set_capacity
from apim.products.services.ceilings import EffectiveLimit, effective_ceiling, set_ceiling
from apim.products.services.meters import create_meter, update_meter
from apim.products.services.plans import add_plan_version, archive_plan, create_plan, restore_plan, update_plan
from apim.products.services.products import archive_product, create_product, restore_product, update_product

__all__ = [
    "EffectiveLimit",
    "Terms",
    "add_plan_version",
    "archive_plan",
    "archive_product",
    "create_meter",
    "create_plan",
    "create_product",
    "effective_ceiling",
    "restore_plan",
    "restore_product",
    "set_capacity",
    "set_ceiling",
    "update_meter",
    "update_plan",
    "update_product",
]
