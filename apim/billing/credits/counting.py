"""What a prepaid subscription has used: the windows of metering, filled from what gateways told.

Hours are whole in a period, for periods begin on full hours. What a gateway refused by itself is never drawn.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Sum
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.credits.terms import hour_of
from apim.billing.models import MeterWindow
from apim.pricing.meters import meter_quantity
from apim.products.models import Meter
from apim.usage.models import UsageRollup, UsageRollupQuerySet

HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
# Codes of answers that follow a call's being counted by the gateway; "" is the service's own answer.
_ADMITTED: Final = ("", "upstream-unreachable", "upstream-invalid", "upstream-timeout", "no-healthy-target")


def count_windows(subscription: Subscription, meters: list[Meter], *, since: datetime, started_at: datetime) -> None:
    """Write what meters counted each hour since then; a window never shrinks, whatever roll-ups were let go of."""
    first = max(hour_of(since), hour_of(started_at))
    rows: defaultdict[datetime, list[UsageRollup]] = defaultdict(list)
    for row in _counted(subscription).filter(period="hour", at__gte=max(first, _full_hour_after(started_at))):
        rows[row.at].append(row)
    if first < _full_hour_after(started_at):  # nothing of before the start counts
        begun = _counted(subscription).filter(period="minute", at__gte=_minute_after(started_at))
        rows[first] = list(begun.filter(at__lt=_full_hour_after(started_at)))
    known = {
        (each.meter, each.hour): each for each in MeterWindow.objects.filter(subscription=subscription, hour__gte=first)
    }
    for meter in meters:
        for hour, found in rows.items():
            quantity, window = int(meter_quantity(meter.terms, found)), known.get((meter.name, hour))
            if window is None and quantity:
                MeterWindow.objects.create(
                    subscription=subscription, meter=meter.name, hour=hour, quantity=quantity, revision=1
                )
            elif window is not None and quantity > window.quantity:
                window.quantity, window.revision = quantity, window.revision + 1
                window.save(update_fields=["quantity", "revision"])


def usage_between(subscription: Subscription, start: datetime, end: datetime) -> dict[str, Decimal]:
    """The quantity of each meter within [start, end)."""
    windows = MeterWindow.objects.filter(subscription=subscription, hour__gte=start, hour__lt=end)
    return {
        each["meter"]: Decimal(each["sum"]) for each in windows.values("meter").annotate(sum=Sum("quantity")).order_by()
    }


def admitted_since(subscription: Subscription, since: datetime) -> int:
    """How many calls a gateway has surely counted since a moment: rather one too few than one too many."""
    admitted = UsageRollup.objects.completed().filter(subscription_id=subscription.id, code__in=_ADMITTED)
    hour = _full_hour_after(since)
    whole = admitted.filter(period="hour", at__gte=hour)
    begun = admitted.filter(period="minute", at__gte=_minute_after(since), at__lt=hour)
    return sum(each.aggregate(sum=Sum("calls"))["sum"] or 0 for each in (whole, begun))


def calls_between(subscription: Subscription, start: datetime, end: datetime) -> bool:
    """True when a call was admitted then, by the minute."""
    admitted = UsageRollup.objects.filter(subscription_id=subscription.id, code__in=_ADMITTED, period="minute")
    return admitted.filter(at__gte=start, at__lt=end).exists()


def calm_moment(subscription: Subscription, moment: datetime) -> datetime:
    """The full hour before the moment, where no call was admitted since: hours are kept for longer than minutes."""
    hour = hour_of(moment)
    return moment if calls_between(subscription, hour, timezone.now()) else hour


def _counted(subscription: Subscription) -> UsageRollupQuerySet:
    return UsageRollup.objects.charged().filter(subscription_id=subscription.id)


def _full_hour_after(moment: datetime) -> datetime:
    hour = hour_of(moment)
    return hour if hour == moment else hour + HOUR


def _minute_after(moment: datetime) -> datetime:
    minute = moment.replace(second=0, microsecond=0)
    return minute if minute == moment else minute + _MINUTE
