"""Windows: how much each meter counted in each hour of a subscription, by the plan version in force at that hour.

Where a billing period ends or another price begins within an hour there are two windows. Reads only; a fixed number of
queries for any number of subscriptions, but for hours that are divided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.models import BillingSubscription, GrantedVersion, MeterWindow, UsageCut
from apim.pricing.meters import meter_quantity
from apim.pricing.parts import Metered
from apim.products.models import Meter, PlanVersion
from apim.usage.models import UsageRollup

HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_MINUTES_KEPT: Final = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Count:
    """What a window holds that differs from what was told of it."""

    subscription_id: str
    meter: Meter
    at: datetime
    quantity: int


@dataclass(frozen=True, slots=True)
class _Billed:
    """All that is read of one subscription.

    Shapes: granted = (since, version), oldest first; cuts = when another price of its usage began.
    """

    mirror: BillingSubscription
    granted: Sequence[tuple[datetime | None, PlanVersion]]
    hours: Sequence[UsageRollup]
    told: dict[tuple[str, datetime], int]
    cuts: Sequence[datetime]


def changed_windows(subscription_ids: Sequence[str], since: datetime) -> list[Count]:
    """The windows of the subscriptions from since on that hold another quantity than what was told of them."""
    billed = _read(subscription_ids, since)
    names = {part.meter for each in billed for _, version in each.granted for part in _metered(version)}
    meters = {meter.name: meter for meter in Meter.objects.filter(name__in=names)}
    return [count for each in billed for count in _changed(each, meters)]


def note_version(subscription: Subscription, before: PlanVersion, since: datetime) -> None:
    """Remember since when the subscription has its plan version, where another one was paid for before."""
    if subscription.plan_version_id == before.pk or not before.is_priced:
        return
    granted = GrantedVersion.objects.filter(subscription=subscription)
    if not granted.exists():
        GrantedVersion.objects.create(subscription=subscription, plan_version=before, since=subscription.created_at)
    GrantedVersion.objects.create(subscription=subscription, plan_version=subscription.plan_version, since=since)


def hour_of(moment: datetime) -> datetime:
    """The beginning of the hour."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _read(subscription_ids: Sequence[str], since: datetime) -> list[_Billed]:
    mirrors = BillingSubscription.objects.filter(subscription__in=subscription_ids, started_at__isnull=False)
    granted: defaultdict[str, list[tuple[datetime | None, PlanVersion]]] = defaultdict(list)
    history = GrantedVersion.objects.filter(subscription__in=subscription_ids).select_related("plan_version")
    for each in history.order_by("since", "id"):
        granted[each.subscription_id].append((each.since, each.plan_version))
    hours: defaultdict[str, list[UsageRollup]] = defaultdict(list)
    rollups = UsageRollup.objects.filter(subscription_id__in=subscription_ids, period="hour", at__gte=since)
    for row in rollups.order_by("at"):
        hours[row.subscription_id].append(row)
    told: defaultdict[str, dict[tuple[str, datetime], int]] = defaultdict(dict)
    for window in MeterWindow.objects.filter(subscription__in=subscription_ids, hour__gte=since):
        told[window.subscription_id][window.meter, window.hour] = window.quantity
    cuts: defaultdict[str, list[datetime]] = defaultdict(list)
    for cut in UsageCut.objects.filter(subscription__in=subscription_ids, at__gte=since):
        cuts[cut.subscription_id].append(cut.at)
    return [
        _Billed(
            mirror,
            granted[mirror.subscription_id] or [(None, mirror.subscription.plan_version)],
            hours[mirror.subscription_id],
            told[mirror.subscription_id],
            cuts[mirror.subscription_id],
        )
        for mirror in mirrors.select_related("subscription__plan_version").order_by("subscription_id")
    ]


def _changed(billed: _Billed, meters: dict[str, Meter]) -> Iterator[Count]:
    by_hour: defaultdict[datetime, list[UsageRollup]] = defaultdict(list)
    for row in billed.hours:
        if row.at >= hour_of(billed.mirror.started_at or row.at):
            by_hour[row.at].append(row)
    for hour, rows in by_hour.items():
        parts = list(_parts(billed, hour, rows))
        if not parts:
            continue
        for name in sorted(_names_in_force(billed, hour)):
            if name in meters:
                yield from _differences(billed, meters[name], parts)


def _names_in_force(billed: _Billed, hour: datetime) -> set[str]:
    """The meters that a version in force in this hour has a price for; the first version holds from ever on."""
    names = set()
    for index, (since, version) in enumerate(billed.granted):
        following = billed.granted[index + 1][0] if index + 1 < len(billed.granted) else None
        has_begun = index == 0 or since is None or since < hour + HOUR
        if has_begun and (following is None or following > hour):
            names |= {part.meter for part in _metered(version)}
    return names


def _differences(
    billed: _Billed, meter: Meter, parts: Sequence[tuple[datetime, Sequence[UsageRollup]]]
) -> Iterator[Count]:
    """The parts of an hour that changed.

    What was told of the whole hour before a period was known to end within it stays told: the part before the end keeps
    it, and so much less is told of the part after it. What comes late of a part before another price began counts in
    the part after it, as it does at Stripe: the other one is invoiced.
    """
    carried, last = 0, parts[-1][0]
    for at, rows in parts:
        known = billed.told.get((meter.name, at), 0)
        counted = int(meter_quantity(meter.terms, rows)) + carried
        is_invoiced = any(at < cut <= last for cut in billed.cuts)
        quantity = known if is_invoiced else max(counted, known) if at < last else counted
        carried = counted - quantity
        if quantity != known:
            yield Count(billed.mirror.subscription_id, meter, at, quantity)


def _parts(
    billed: _Billed, hour: datetime, rows: Sequence[UsageRollup]
) -> Iterator[tuple[datetime, Sequence[UsageRollup]]]:
    """(start, rows) of the windows of an hour that has calls.

    One that was once divided stays so, for its parts were told apart; when its minutes are gone it is left alone.
    """
    mirror = billed.mirror
    divided = [at for _, at in billed.told if at != hour_of(at)]
    edges = (mirror.started_at, mirror.period_start, mirror.period_end, *billed.cuts, *divided)
    inside = sorted({edge for edge in edges if edge is not None and hour < edge < hour + HOUR})
    if not inside:
        yield hour, rows
        return
    if hour < timezone.now() - _MINUTES_KEPT:
        return
    minutes = UsageRollup.objects.filter(
        subscription_id=mirror.subscription_id, period="minute", at__gte=hour, at__lt=hour + HOUR
    )
    found = list(minutes)
    if sum(row.calls for row in found) < sum(row.calls for row in rows):  # some are gone: what was told stays told
        return
    for start, end in zip([hour, *inside], [*inside, hour + HOUR], strict=True):
        within = [row for row in found if start <= _moved(row.at, inside) < end]
        is_told = any(at == start for _, at in billed.told)
        if (within or is_told or start in billed.cuts) and start >= (mirror.started_at or start):
            yield start, within


def _moved(minute: datetime, edges: Iterable[datetime]) -> datetime:
    """When the calls of a minute count: those of the minute in which a period ends count in the next one."""
    return next((edge for edge in edges if minute <= edge < minute + _MINUTE), minute)


def _metered(version: PlanVersion) -> list[Metered]:
    return [part for part in version.terms.prices if isinstance(part, Metered)]
