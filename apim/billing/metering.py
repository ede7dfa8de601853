"""Usage on its way to invoices: what meters counted each hour, told to Stripe once, whatever dies in between.

A window is an hour of a subscription and a meter; where a billing period ends within an hour, two. What arrives late
makes a revision: the part that is new is sent under an identifier of its own. Windows and what is to be sent of them
are written together, so neither is ever without the other.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.catalogue import event_name_of, meter_of
from apim.billing.connection import Connection
from apim.billing.driver import DriverFailed
from apim.billing.models import BillingSubscription, Customer, MeterWindow, OutgoingUsage
from apim.pricing.meters import meter_quantity
from apim.products.models import Meter
from apim.usage.models import UsageRollup

logger = logging.getLogger(__name__)

LOOK_BACK: Final = timedelta(days=2)
LONG_LOOK_BACK: Final = timedelta(days=34)  # Stripe takes usage of the last 35 days
_SAME_IDENTIFIER: Final = timedelta(hours=23)  # Stripe knows an identifier for 24 hours at least
_HOUR: Final = timedelta(hours=1)
_MINUTES_KEPT: Final = timedelta(days=6)
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_BATCH: Final = 500


def count_usage(connection: Connection, look_back: timedelta = LOOK_BACK, *, only: str = "") -> int:
    """How many windows were new or grew; only = the id of one subscription."""
    billed = BillingSubscription.objects.filter(mode=connection.mode).exclude(stripe_id="")
    if only:
        billed = billed.filter(subscription_id=only)
    return sum(_count_subscription(each, look_back) for each in list(billed.values_list("pk", flat=True)))


def send_usage(connection: Connection, *, only: str = "") -> int:
    """How many parts Stripe took; only = the id of one subscription.

    What it did not take is tried again with pauses; what it never will is put aside.
    """
    due = OutgoingUsage.objects.filter(state=OutgoingUsage.State.DUE, retry_at__lte=timezone.now())
    due = due.filter(window__subscription__billing__mode=connection.mode).order_by("retry_at")
    if only:
        due = due.filter(window__subscription=only)
    return sum(_send(connection, identifier) for identifier in list(due.values_list("identifier", flat=True)[:_BATCH]))


def tell_last_usage(connection: Connection, subscription_id: str) -> None:
    """What is known of a subscription's usage reaches Stripe before its last invoice is made. Errors: none."""
    count_usage(connection, only=subscription_id)
    send_usage(connection, only=subscription_id)


@transaction.atomic
def _count_subscription(subscription_id: str, look_back: timedelta) -> int:
    """How many windows changed.

    Whoever counts the same subscription meanwhile waits: what is read under the lock is never less than what was told
    before, so a slow reader does not take back, and tell again, what a quick one told.
    """
    subscription = (
        Subscription.objects.select_for_update(of=("self",), no_key=True)
        .select_related("plan_version")
        .get(pk=subscription_id)
    )
    mirror = BillingSubscription.objects.get(subscription=subscription)
    priced = {part.meter for part in subscription.plan_version.terms.prices if hasattr(part, "meter")}
    if not priced or mirror.started_at is None:
        return 0
    since = max(_hour(timezone.now() - look_back), _hour(mirror.started_at))
    rows: defaultdict[datetime, list[UsageRollup]] = defaultdict(list)
    for at, found in _windows(mirror, since):
        rows[at] += found
    known = MeterWindow.objects.filter(subscription=subscription, hour__gte=since)
    told = {(meter, at): quantity for meter, at, quantity in known.values_list("meter", "hour", "quantity")}
    changed = 0
    for meter in Meter.objects.filter(name__in=priced):
        for at in sorted(rows):
            quantity = int(meter_quantity(meter.terms, rows[at]))
            if quantity != told.get((meter.name, at), 0):
                changed += _note(mirror, meter, at, quantity)
    return changed


def _windows(mirror: BillingSubscription, since: datetime) -> Iterator[tuple[datetime, list[UsageRollup]]]:
    """(start, rows) of each window that has calls.

    An hour that was once divided stays so, for its parts were told apart; when its minutes are gone it is left alone.
    """
    calls = UsageRollup.objects.filter(subscription_id=mirror.subscription_id)
    known = MeterWindow.objects.filter(subscription_id=mirror.subscription_id, hour__gte=since)
    divided = [at for at in known.values_list("hour", flat=True) if at != _hour(at)]
    edges = [edge for edge in (mirror.started_at, mirror.period_start, mirror.period_end, *divided) if edge is not None]
    by_hour: defaultdict[datetime, list[UsageRollup]] = defaultdict(list)
    for row in calls.filter(period="hour", at__gte=since):
        by_hour[row.at].append(row)
    for hour, rows in by_hour.items():
        inside = sorted({edge for edge in edges if hour < edge < hour + _HOUR})
        if not inside:
            yield hour, rows
            continue
        if hour < timezone.now() - _MINUTES_KEPT:
            continue
        minutes = list(calls.filter(period="minute", at__gte=hour, at__lt=hour + _HOUR))
        for start, end in zip([hour, *inside], [*inside, hour + _HOUR], strict=True):
            within = [row for row in minutes if start <= _moved(row.at, inside) < end]
            if within and start >= (mirror.started_at or start):
                yield start, within


def _moved(minute: datetime, edges: Iterable[datetime]) -> datetime:
    """When the calls of a minute count: those of the minute in which a period ends count in the next one."""
    return next((edge for edge in edges if minute <= edge < minute + timedelta(minutes=1)), minute)


def _note(mirror: BillingSubscription, meter: Meter, at: datetime, quantity: int) -> bool:
    """True when the window is new or changed: the difference stands in the outbox then."""
    window, _ = MeterWindow.objects.get_or_create(subscription_id=mirror.subscription_id, meter=meter.name, hour=at)
    difference = quantity - window.quantity
    if not difference:
        return False
    window.quantity, window.revision = quantity, window.revision + 1
    window.save(update_fields=["quantity", "revision"])
    name = f"{mirror.subscription_id}:{meter.id}:{at.astimezone(UTC):%Y%m%d%H%M}:r{window.revision}"
    is_less = difference < 0
    OutgoingUsage.objects.create(
        identifier=name,
        window=window,
        quantity=difference,
        state=OutgoingUsage.State.DEAD if is_less else OutgoingUsage.State.DUE,
        error="Less was counted than was told before: a credit note must mend it." if is_less else "",
        retry_at=None if is_less else timezone.now(),
    )
    return True


def _send(connection: Connection, identifier: str) -> bool:
    """True when Stripe has the part now. It is claimed first, so that two processes send it once."""
    now = timezone.now()
    claim = OutgoingUsage.objects.filter(identifier=identifier, state=OutgoingUsage.State.DUE, retry_at__lte=now)
    if not claim.update(attempts=F("attempts") + 1, retry_at=now + _LONGEST_PAUSE):
        return False
    part = OutgoingUsage.objects.select_related("window__subscription__product").get(identifier=identifier)
    if part.first_sent_at is not None and now - part.first_sent_at > _SAME_IDENTIFIER:
        return _put_aside(part, "Stripe may have it or not: compare the meter there, then mend by hand.")
    if part.first_sent_at is None:
        part.first_sent_at = now
        part.save(update_fields=["first_sent_at"])
    try:
        _tell(connection, part)
    except DriverFailed as failure:
        if "identifier" in str(failure).lower() and "already" in str(failure).lower():
            return _sent(part)
        if not failure.is_passing:
            return _put_aside(part, str(failure))
        pause = min(_FIRST_PAUSE * 2 ** min(part.attempts, 10), _LONGEST_PAUSE)
        OutgoingUsage.objects.filter(pk=part.pk).update(retry_at=now + pause, error=str(failure)[:500])
        return False
    return _sent(part)


def _tell(connection: Connection, part: OutgoingUsage) -> None:
    window = part.window
    subscription = window.subscription
    meter = Meter.objects.get(name=window.meter)
    meter_of(connection, subscription.product, meter.name)
    customer = Customer.objects.get(organization=subscription.organization_id, mode=connection.mode)
    params = {
        "event_name": event_name_of(subscription.product, meter),
        "identifier": part.identifier,
        "timestamp": int(window.hour.timestamp()),
        "payload": {"stripe_customer_id": customer.stripe_id, "value": str(part.quantity)},
    }
    connection.driver.make("billing.meter_event", params, key=part.identifier)


def _sent(part: OutgoingUsage) -> bool:
    part.state, part.sent_at, part.error, part.retry_at = OutgoingUsage.State.SENT, timezone.now(), "", None
    part.save(update_fields=["state", "sent_at", "error", "retry_at"])
    return True


def _put_aside(part: OutgoingUsage, why: str) -> bool:
    part.state, part.error, part.retry_at = OutgoingUsage.State.DEAD, why[:500], None
    part.save(update_fields=["state", "error", "retry_at"])
    logger.warning("usage %s was put aside: %s", part.identifier, why)
    return False


def _hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
