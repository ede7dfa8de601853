"""Metering: what meters read from the roll-ups, by subscription."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Sum

from apim.access.models import Subscription
from apim.pricing.meters import MeterTerms, meter_quantity
from apim.pricing.rating import Rated, rate
from apim.products.models import Meter, PlanVersion
from apim.usage.models import UsageRollup


class MeteredRow(NamedTuple):
    """Calls of one operation that ended with one status, as meters read them."""

    operation: str
    status: int
    calls: int
    request_bytes: int
    response_bytes: int


class Preview(NamedTuple):
    """A subscription's last whole period under the version it has and under another one."""

    subscription: Subscription
    usage: Mapping[str, Decimal]
    before: Rated
    after: Rated

    @property
    def difference(self) -> Decimal:
        """How much more the other version costs."""
        return self.after.total - self.before.total


def metered_usage(
    meters: Mapping[str, MeterTerms], *, since: datetime, until: datetime, subscription_ids: Collection[str]
) -> dict[str, dict[str, Decimal]]:
    """What each meter reads for each subscription in the hours that begin in [since, until).

    Shapes: {subscription id: {meter: quantity}}, every id with every meter. One query.
    """
    rows: dict[str, list[MeteredRow]] = defaultdict(list)
    hours = UsageRollup.objects.between("hour", since, until).completed()
    sums = hours.filter(subscription_id__in=subscription_ids).values_list("subscription_id", "operation", "status")
    for identifier, *counted in sums.annotate(Sum("calls"), Sum("request_bytes"), Sum("response_bytes")):
        rows[identifier].append(MeteredRow(*counted))
    return {
        identifier: {name: meter_quantity(meter, rows.get(identifier, ())) for name, meter in meters.items()}
        for identifier in subscription_ids
    }


def counted_by(meter: MeterTerms, *, since: datetime, until: datetime) -> Decimal:
    """What the meter reads of everybody's calls in the hours that begin in [since, until)."""
    hours = UsageRollup.objects.between("hour", since, until).completed().exclude(subscription_id="")
    sums = hours.values_list("operation", "status").annotate(Sum("calls"), Sum("request_bytes"), Sum("response_bytes"))
    return meter_quantity(meter, (MeteredRow(*counted) for counted in sums))


def preview_migration(
    subscriptions: Iterable[Subscription], version: PlanVersion, *, since: datetime, until: datetime
) -> list[Preview]:
    """What the period [since, until) cost each subscription, and what it would have cost under the version.

    Shapes: subscriptions come with their plan_version. Two queries.
    """
    rows = list(subscriptions)
    names = {name for each in (version, *(row.plan_version for row in rows)) for name in each.terms.meters}
    meters = {meter.name: meter.terms for meter in Meter.objects.filter(name__in=names)}
    usage = metered_usage(meters, since=since, until=until, subscription_ids=[row.id for row in rows])
    return [
        Preview(row, usage[row.id], rate(row.plan_version.terms, usage[row.id]), rate(version.terms, usage[row.id]))
        for row in rows
    ]
