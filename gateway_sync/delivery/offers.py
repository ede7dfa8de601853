"""Offers: products and plans as rows; one environment is told of the terms that can be had there, or are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Q

from apim.access.models import Subscription
from apim.pricing.meters import MeterTerms
from apim.products.limits import is_anchored
from apim.products.models import Meter, PlanVersion, Product, ProductItem
from gateway_sync import rows
from gateway_sync.delivery.json_fields import mapping, mappings, text, texts, whole
from gateway_sync.policies.patterns import is_pattern


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
            "id",
            "plan__name",
            "number",
            "rate",
            "quotas",
            "timezone",
            "pricing",
            "weights",
            "when_unconfirmed",
            "when_unrecorded",
        )
    )
    meters = {meter.name: meter.terms for meter in Meter.objects.using(database)}
    return tuple(
        rows.PlanVersionRow(
            id=plan_id,
            plan=name,
            number=number,
            rate=_rate_row(rate),
            quotas=(*map(_quota_row, mappings(quotas)), *_period_quotas(mapping(pricing), meters)),
            timezone=timezone,
            interval=text(mapping(pricing).get("interval")) or "month",
            is_postpaid=_is_postpaid(mapping(pricing)) and when_unconfirmed != PlanVersion.WhenUnconfirmed.REFUSE,
            weights={pattern: whole(weight) for pattern, weight in mapping(weights).items()},
            is_sharing=is_sharing(when_unconfirmed, mapping(pricing)),
            caps=tuple(_cap_rows(mapping(pricing), meters)),
            is_served_unrecorded=when_unrecorded == PlanVersion.WhenUnrecorded.SERVE,
        )
        for plan_id, name, number, rate, quotas, timezone, pricing, weights, when_unconfirmed, when_unrecorded in plans
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
    return rows.QuotaRow(
        whole(quota.get("requests")),
        text(quota.get("per")),
        unit=text(quota.get("unit") or "calls"),
        window="anchored" if is_anchored(quota) else "calendar",
    )


def _period_quotas(pricing: Mapping[str, Any], meters: Mapping[str, MeterTerms]) -> list[rows.QuotaRow]:
    """What a plan includes of meters that count calls, as quotas of the billing period: the tightest of each kind.

    Gateways count a call when they admit it, before its status is known, so a meter that counts only some calls is
    counted a little high here.
    """
    bounds = [_bounds(limit) for limit, meter in _limits(pricing, meters) if _counts_calls(meter)]
    hard, soft = [each for each, _ in bounds if each], [each for _, each in bounds if each]
    found = [rows.QuotaRow(min(hard), "period")] if hard else []
    return found + ([rows.QuotaRow(min(soft), "period", "bill")] if soft else [])


def _cap_rows(pricing: Mapping[str, Any], meters: Mapping[str, MeterTerms]) -> Iterator[rows.CapRow]:
    """What a plan includes of meters of bytes, weights, or calls of some operations."""
    for limit, meter in _limits(pricing, meters):
        hard, soft = _bounds(limit)
        if _counts_calls(meter) or not (hard or soft):
            continue
        yield rows.CapRow(
            meter=str(limit["meter"]),
            hard=hard,
            soft=soft,
            source=meter.source,
            # No operation has a method of more letters than patterns take.
            weights=tuple((name, whole(weight)) for name, weight in mapping(meter.weights).items() if is_pattern(name)),
            where=_where(meter),
        )


def _limits(
    pricing: Mapping[str, Any], meters: Mapping[str, MeterTerms]
) -> Iterator[tuple[Mapping[str, Any], MeterTerms]]:
    """What a plan says of meters that there are."""
    for limit in mappings(pricing.get("limits")):
        meter = meters.get(text(limit.get("meter")))
        if meter is not None:
            yield limit, meter


def _bounds(limit: Mapping[str, Any]) -> tuple[int, int]:
    """(hard, soft) bound of a period, 0 = none."""
    included = whole(limit.get("included", 0))
    is_blocked = limit.get("onExceed") == "block"
    hard = [bound for bound in (whole(limit.get("hardCap", 0)), included * is_blocked) if bound]
    return min(hard, default=0), 0 if is_blocked else included


def _counts_calls(meter: MeterTerms) -> bool:
    """True when each call of every operation counts once."""
    is_of_some = any(name in {"method", "operation"} for name, _, _ in _where(meter))
    return meter.source == "requests" and not meter.weights and not is_of_some


def _where(meter: MeterTerms) -> rows.Conditions:
    """What a call must meet to count; one that cannot be read asks nothing, so that more counts and not less."""
    try:
        return tuple((each.name, each.comparison, each.value) for each in meter.conditions)
    except ValueError:
        return ()


def _rate_row(rate: object) -> rows.RateRow | None:
    if rate is None:
        return None
    fields = mapping(rate)
    return rows.RateRow(*(whole(fields.get(name)) for name in ("requests", "per_s", "burst")))
