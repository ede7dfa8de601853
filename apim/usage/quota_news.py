"""Quotas that are nearly or quite used up, told to webhooks, once for each quota and period."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import transaction

from apim.access.models import Subscription
from apim.products.limits import CALLS
from apim.usage.gauges import Gauge, quota_gauges
from apim.webhooks.models import Endpoint
from apim.webhooks.outbox import News, emit

_TYPES: Final = (("quota.used_up", 100), ("quota.nearly_used", 80))
_BATCH: Final = 200


def tell_quotas() -> int:
    """How many endpoints will be told. Reads only the usage of organizations that want to hear of it."""
    wanted = {name for name, _ in _TYPES}
    listening = {
        endpoint.organization_id
        for endpoint in Endpoint.objects.filter(is_enabled=True).only("organization_id", "event_types")
        if wanted.intersection(endpoint.event_types)
    }
    rows = Subscription.objects.live().filter(organization__in=listening).with_names().order_by("id")
    told, last = 0, ""
    while batch := list(rows.filter(id__gt=last)[:_BATCH]):
        last = batch[-1].id
        gauges = quota_gauges(batch)
        news = [piece for each in batch for gauge in gauges[each.id] for piece in _news(each, gauge)]
        with transaction.atomic():
            told += emit(news)
    return told


def _news(subscription: Subscription, gauge: Gauge) -> Iterator[News]:
    """The highest threshold that the quota has passed, if any."""
    for type_, percent in _TYPES:
        if gauge.limit and gauge.used * 100 >= gauge.limit * percent:
            yield News(
                type_,
                subscription.organization_id,
                {
                    "subscription": subscription.id,
                    "product": subscription.product.name,
                    "plan": subscription.plan_version.plan.name,
                    "per": gauge.per,
                    "unit": gauge.unit,
                    "limit": gauge.limit,
                    "used": gauge.used,
                    "resets_at": gauge.resets_at.isoformat(),
                },
                once_key=f"{type_}:{subscription.id}:{_kind(gauge)}:{gauge.resets_at:%Y%m%d%H%M}",
            )
            return


def _kind(gauge: Gauge) -> str:
    return gauge.per if gauge.unit == CALLS else f"{gauge.per}.{gauge.unit}"
