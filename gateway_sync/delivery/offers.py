"""Offers: products and plans as rows; one environment is told of the terms that can be had there, or are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from apim.access.models import Subscription
from apim.products.models import Meter, PlanVersion, Product, ProductItem
from gateway_sync import rows
from gateway_sync.delivery.json_fields import mapping, mappings, text, texts, whole


def product_rows(database: str) -> tuple[rows.ProductRow, ...]:
    """The products, with what each opens."""
    items: defaultdict[str, list[rows.ProductItemRow]] = defaultdict(list)
    found_items = ProductItem.objects.using(database).order_by("product_id", "version_id")
    for product_id, version_id, operations in found_items.values_list("product_id", "version_id", "operations"):
        # No operations would open all of them, so what is no list becomes a pattern that opens none.
        patterns = texts(operations) if isinstance(operations, list) else ("",)
        items[product_id].append(rows.ProductItemRow(version_id, patterns))
    products = Product.objects.using(database).order_by("id").values_list("id", "name")
    return tuple(rows.ProductRow(product_id, name, tuple(items[product_id])) for product_id, name in products)


def plan_rows(environment_id: str, database: str) -> tuple[rows.PlanVersionRow, ...]:
    """The terms on offer, and those that somebody here still has."""
    held = Subscription.objects.using(database).live().filter(environment_id=environment_id)
    plans = (
        PlanVersion.objects.using(database)
        .filter(Q(state=PlanVersion.State.ACTIVE) | Q(id__in=held.values("plan_version_id")))
        .order_by("id")
        .values_list(
            "id", "plan__name", "number", "rate", "quotas", "timezone", "pricing", "weights", "when_unconfirmed"
        )
    )
    meters = Meter.objects.using(database).filter(source="requests").values_list("name", "weights")
    counted = frozenset(name for name, weights in meters if not weights)
    return tuple(
        rows.PlanVersionRow(
            id=plan_id,
            plan=name,
            number=number,
            rate=_rate_row(rate),
            quotas=(*map(_quota_row, mappings(quotas)), *_period_quotas(mapping(pricing), counted)),
            timezone=timezone,
            interval=text(mapping(pricing).get("interval")) or "month",
            is_postpaid=_is_postpaid(mapping(pricing)) and when_unconfirmed != PlanVersion.WhenUnconfirmed.REFUSE,
            weights={pattern: whole(weight) for pattern, weight in mapping(weights).items()},
            is_sharing=is_sharing(when_unconfirmed, mapping(pricing)),
        )
        for plan_id, name, number, rate, quotas, timezone, pricing, weights, when_unconfirmed in plans
    )


def is_sharing(when_unconfirmed: str, pricing: Mapping[str, Any]) -> bool:
    """True when a little of a quota may pass unconfirmed: as the plan says, else where it costs nothing."""
    if not when_unconfirmed:
        return not mappings(pricing.get("prices"))
    return when_unconfirmed == PlanVersion.WhenUnconfirmed.SHARE


def _is_postpaid(pricing: Mapping[str, Any]) -> bool:
    """True when what is used is paid for afterwards, so that a little more than the quota is not given away."""
    prices = mappings(pricing.get("prices"))
    return any("meter" in price for price in prices) and all(price.get("model") != "prepaid" for price in prices)


def _quota_row(quota: Mapping[str, Any]) -> rows.QuotaRow:
    return rows.QuotaRow(whole(quota.get("requests")), text(quota.get("per")), unit=text(quota.get("unit") or "calls"))


def _period_quotas(pricing: Mapping[str, Any], counted: frozenset[str]) -> list[rows.QuotaRow]:
    """What a plan includes of meters that count calls, as quotas of the billing period: the tightest of each kind.

    Gateways count a call when they admit it, before its status is known, so a meter that counts only some calls is
    counted a little high here. Bytes and weights are not limited at the gateway.
    """
    hard: list[int] = []
    soft: list[int] = []
    for limit in mappings(pricing.get("limits")):
        if limit.get("meter") not in counted:
            continue
        if "hardCap" in limit:
            hard.append(whole(limit["hardCap"]))
        if included := limit.get("included"):
            (hard if limit.get("onExceed") == "block" else soft).append(whole(included))
    found = [rows.QuotaRow(min(hard), "period")] if hard else []
    return found + ([rows.QuotaRow(min(soft), "period", "bill")] if soft else [])


def _rate_row(rate: object) -> rows.RateRow | None:
    if rate is None:
        return None
    fields = mapping(rate)
    return rows.RateRow(*(whole(fields.get(name)) for name in ("requests", "per_s", "burst")))
