"""What gateways counted of a subscription, and what Stripe was told of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.connection import require_connection
from apim.billing.metering import count_usage, send_usage
from apim.billing.models import (
    BillingSubscription,
    CatalogueEntry,
    Customer,
    OutgoingUsage,
)
from apim.usage.models import UsageRollup


def calls(subscription: Subscription, at: datetime, number: int, *, status: int = 200) -> None:
    """What gateways counted in a minute."""
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    for period, start in (("minute", minute), ("hour", minute.replace(minute=0))):
        row, _ = UsageRollup.objects.get_or_create(
            period=period,
            at=start,
            environment_id="env_1",
            version_id="ver_1",
            operation="GET /accounts",
            application_id="app_1",
            subscription_id=subscription.id,
            status=status,
            code="",
        )
        UsageRollup.objects.filter(pk=row.pk).update(calls=row.calls + number)


def counted_by_stripe() -> int:
    """What the meter has at Stripe."""
    client = require_connection().driver._client  # type: ignore[attr-defined]
    meter = CatalogueEntry.objects.get(kind="billing.meter")
    now = int(timezone.now().timestamp())
    summaries = client.v1.billing.meters.event_summaries.list(
        meter.stripe_id,
        params={
            "customer": Customer.objects.get().stripe_id,
            "start_time": (now - 40 * 86_400) // 60 * 60,
            "end_time": (now + 86_400) // 60 * 60,
        },
    )
    return sum(int(each.aggregated_value) for each in summaries.data)


def tell() -> None:
    stripe = require_connection()
    count_usage(stripe)
    OutgoingUsage.objects.filter(state="due").update(retry_at=timezone.now())
    send_usage(stripe)


def use_calls(subscription: Subscription, count: int) -> None:
    """So many calls two hours ago, known here and to nobody else."""
    at = (timezone.now() - timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    mirror = BillingSubscription.objects.get(subscription=subscription)
    assert mirror.started_at is not None
    at = max(at, mirror.started_at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))
    add_calls(subscription, at, at, count)


def add_calls(subscription: Subscription, hour: datetime, minute: datetime, count: int) -> None:
    """So many calls in a minute of an hour, as gateways report them."""
    for period, at in (("hour", hour), ("minute", minute)):
        kept, _ = UsageRollup.objects.get_or_create(
            period=period, at=at, environment_id=subscription.environment_id, subscription_id=subscription.id,
            status=200,
        )  # fmt: skip
        kept.calls += count
        kept.save()
