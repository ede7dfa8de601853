"""Usage on its way to invoices: what meters counted each hour, told to Stripe once, whatever dies in between.

What arrives late makes a revision: the part that is new is sent under an identifier of its own. Windows and what is to
be sent of them are written together, so neither is ever without the other.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.catalogue import event_name_of, meter_of
from apim.billing.clocks import time_of
from apim.billing.connection import Connection
from apim.billing.customers import find_customer
from apim.billing.driver import DriverFailed
from apim.billing.models import BillingSubscription, MeterWindow, OutgoingUsage, UsageCut
from apim.billing.windows import Count, changed_windows, hour_of
from apim.products.models import Meter
from apim.usage.models import UsageRollup

logger = logging.getLogger(__name__)

LOOK_BACK: Final = timedelta(days=2)
LONG_LOOK_BACK: Final = timedelta(days=34)  # Stripe takes usage of the last 35 days
_SAME_IDENTIFIER: Final = timedelta(hours=23)  # Stripe knows an identifier for 24 hours at least
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_BATCH: Final = 500


def count_usage(connection: Connection, look_back: timedelta = LOOK_BACK, *, only: str = "") -> int:
    """How many windows were new or changed, of subscriptions with usage since; only = the id of one subscription."""
    since = hour_of(timezone.now() - look_back)
    used = UsageRollup.objects.filter(period="hour", at__gte=since)
    billed = BillingSubscription.objects.filter(
        mode=connection.mode, subscription_id__in=[only] if only else used.values("subscription_id")
    ).exclude(stripe_id="")
    ids = list(billed.order_by("subscription_id").values_list("pk", flat=True))
    changed = 0
    for start in range(0, len(ids), _BATCH):
        found = changed_windows(ids[start : start + _BATCH], since)
        changed += sum(_count(each, since) for each in sorted({count.subscription_id for count in found}))
    return changed


def send_usage(connection: Connection, *, only: str = "") -> int:
    """How many parts Stripe took; only = the id of one subscription.

    What it did not take is tried again with pauses; what it never will is put aside.
    """
    due = OutgoingUsage.objects.filter(state=OutgoingUsage.State.DUE, retry_at__lte=timezone.now())
    due = due.filter(window__subscription__billing__mode=connection.mode).order_by("retry_at")
    if only:
        due = due.filter(window__subscription=only)
    due = _reached(connection, due)
    return sum(_send(connection, identifier) for identifier in list(due.values_list("identifier", flat=True)[:_BATCH]))


def _reached(connection: Connection, due: QuerySet[OutgoingUsage]) -> QuerySet[OutgoingUsage]:
    """Without what lies in the future of a payer on a test clock: calls have our time, and Stripe takes no future."""
    on_clocks = due.exclude(window__subscription__billing__test_clock="")
    for clock in set(on_clocks.values_list("window__subscription__billing__test_clock", flat=True)):
        try:
            ahead = Q(window__hour__gt=time_of(connection, clock))
        except DriverFailed as failure:
            logger.info("usage on the test clock %s waits: %s", clock, failure)
            ahead = Q()
        due = due.exclude(ahead, window__subscription__billing__test_clock=clock)
    return due


def tell_last_usage(connection: Connection, subscription_id: str) -> None:
    """What is known of a subscription's usage reaches Stripe before its last invoice is made. Errors: none."""
    count_usage(connection, only=subscription_id)
    send_usage(connection, only=subscription_id)


@transaction.atomic
def _count(subscription_id: str, since: datetime) -> int:
    """How many windows changed.

    Whoever counts the same subscription meanwhile waits: what is read under the lock is never less than what was told
    before, so a slow reader does not take back, and tell again, what a quick one told.
    """
    Subscription.objects.select_for_update(no_key=True).get(pk=subscription_id)
    return sum(map(_note, changed_windows([subscription_id], since)))


def _note(count: Count) -> bool:
    """True when the window is new or changed: the difference stands in the outbox then."""
    window, _ = MeterWindow.objects.get_or_create(
        subscription_id=count.subscription_id, meter=count.meter.name, hour=count.at
    )
    difference = count.quantity - window.quantity
    if not difference:
        return False
    window.quantity, window.revision = count.quantity, window.revision + 1
    window.save(update_fields=["quantity", "revision"])
    name = f"{count.subscription_id}:{count.meter.id}:{count.at.astimezone(UTC):%Y%m%d%H%M}:r{window.revision}"
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
    """Errors: DriverFailed, also for what can be told to nobody: one part that hangs holds up no other."""
    window = part.window
    subscription = window.subscription
    meter = Meter.objects.filter(name=window.meter).first()
    customer = find_customer(connection, subscription.organization_id)
    if meter is None:
        raise DriverFailed(f"The meter {window.meter} is gone.", is_passing=False)
    if customer is None:
        raise DriverFailed("Its organization is no customer of this account.", is_passing=False)
    meter_of(connection, subscription.product, meter.name)
    params = {
        "event_name": event_name_of(subscription.product, meter),
        "identifier": part.identifier,
        "timestamp": int((_cut_after(window) or window.hour).timestamp()),
        "payload": {"stripe_customer_id": customer.stripe_id, "value": str(part.quantity)},
    }
    connection.driver.make("billing.meter_event", params, key=part.identifier)


def _cut_after(window: MeterWindow) -> datetime | None:
    """When another price began after the window: what was used before is invoiced, so what comes late counts there."""
    cuts = UsageCut.objects.filter(subscription=window.subscription_id, at__gt=window.hour).order_by("-at")
    last: datetime | None = cuts.values_list("at", flat=True).first()
    return last


def _sent(part: OutgoingUsage) -> bool:
    part.state, part.sent_at, part.error, part.retry_at = OutgoingUsage.State.SENT, timezone.now(), "", None
    part.save(update_fields=["state", "sent_at", "error", "retry_at"])
    return True


def _put_aside(part: OutgoingUsage, why: str) -> bool:
    part.state, part.error, part.retry_at = OutgoingUsage.State.DEAD, why[:500], None
    part.save(update_fields=["state", "error", "retry_at"])
    logger.warning("usage %s was put aside: %s", part.identifier, why)
    return False
