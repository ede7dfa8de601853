"""Events of Stripe: verified, stored first, applied later by reading the object anew; repaired from Stripe's own list.

An event that cannot be applied is tried again with pauses, and after some tries put aside where an admin sees it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.applying import apply
from apim.billing.connection import Connection
from apim.billing.driver import DriverFailed, SignatureInvalid
from apim.billing.folding import moment_of
from apim.billing.invoices import sync_invoice
from apim.billing.models import BillingSubscription, Invoice, Mode, Rehearsal, StripeEvent
from apim.billing.reconciling import rate_invoice
from apim.billing.standing import Unmatched, sync_subscription
from apim.billing.stripe_driver import read_event
from apim.errors import Conflict

logger = logging.getLogger(__name__)

LARGEST_BYTES: Final = 256 * 1024
MOST_ATTEMPTS: Final = 8
_MOST_WHILE_DOWN: Final = 80  # three days: nothing is wrong with the event
_FIRST_PAUSE: Final = timedelta(seconds=5)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_CLAIM: Final = timedelta(minutes=2)
REPAIR_DAYS: Final = 3
_OUTCOME_AT_MOST: Final = 500


@transaction.atomic
def receive_event(connection: Connection, body: bytes, signature: str) -> StripeEvent | None:
    """The event, stored; None when it was known already.

    Errors: SignatureInvalid, also for another mode's or account's event. Nothing is stored then, nobody is asked.
    """
    event = read_event(body, signature, connection.webhook_secret)
    if bool(event.get("livemode")) != (connection.mode == Mode.LIVE):
        raise SignatureInvalid("The event is of the other mode.")
    account = event.get("account") or ""
    if account and account != connection.account:
        raise SignatureInvalid("The event is of another account.")
    return store_event(connection, event)


def store_event(connection: Connection, event: Mapping[str, Any]) -> StripeEvent | None:
    """The event, stored once; None when it was known. Errors: SignatureInvalid for what has no shape of an event."""
    try:
        is_thin = event.get("object") == "v2.core.event"
        found = event.get("related_object") or {} if is_thin else event["data"]["object"]
        row = StripeEvent(
            id=event["id"],
            mode=connection.mode,
            type=str(event["type"])[:80],
            object_id=str(found.get("id") or "")[:255],
            body=json.dumps(event),
            created_at=datetime.fromisoformat(event["created"]) if is_thin else moment_of(event["created"]),
            retry_at=timezone.now(),
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
        raise SignatureInvalid("The body is no event.") from error
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return None
    return row


def apply_event(connection: Connection, event_id: str) -> bool:
    """True when this call applied the event.

    It is claimed until its next try, so two processes apply it once; one that is killed leaves it to be tried again.
    Applying twice would do no harm: it makes things stand as they stand at Stripe.
    """
    now = timezone.now()
    due = StripeEvent.objects.filter(id=event_id, state=StripeEvent.State.STORED, retry_at__lte=now)
    if not due.update(attempts=F("attempts") + 1, retry_at=now + _CLAIM):
        return False
    event = StripeEvent.objects.get(id=event_id)
    if event.mode != connection.mode:
        _put_off(event, "It is of the other mode.", most_attempts=0)
        return False
    try:
        outcome = apply(connection, event)
    except DriverFailed as failure:
        _put_off(event, str(failure), most_attempts=_MOST_WHILE_DOWN if failure.is_passing else 0)
        return False
    except Unmatched as unmatched:
        _put_off(event, str(unmatched), most_attempts=MOST_ATTEMPTS)
        return False
    event.state, event.applied_at = StripeEvent.State.APPLIED, timezone.now()
    event.outcome = outcome[:_OUTCOME_AT_MOST]
    event.retry_at = None
    event.save(update_fields=["state", "outcome", "applied_at", "retry_at"])
    return True


def make_test_event(connection: Connection) -> str:
    """The id of an object made at Stripe so that an event of it comes: shows whether events find the way here.

    Errors: DriverFailed.
    """
    moment = timezone.now().timestamp()
    made = connection.driver.make("customer", {"name": "apim: test of events"}, key=f"apim:test-event:{moment:.6f}")
    connection.driver.act("customer", str(made["id"]), "delete", {})  # its events come all the same
    return str(made["id"])


def due_events() -> list[str]:
    """The ids of events to be applied now, oldest first."""
    due = StripeEvent.objects.filter(state=StripeEvent.State.STORED, retry_at__lte=timezone.now())
    return list(due.order_by("created_at").values_list("id", flat=True)[:200])


@transaction.atomic
def replay_event(*, event: StripeEvent, by: Actor) -> StripeEvent:
    """The event, to be applied again at once. Errors: billing.event_applied."""
    event = StripeEvent.objects.select_for_update().get(pk=event.pk)
    if event.state == StripeEvent.State.APPLIED:
        raise Conflict("billing.event_applied", _("This event was applied."), hint=_("Reload the page."))
    event.state, event.attempts, event.retry_at = StripeEvent.State.STORED, 0, timezone.now()
    event.save(update_fields=["state", "attempts", "retry_at"])
    record(by=by, action="billing.replay_event", target=event, after={"type": event.type})
    return event


def repair(connection: Connection) -> int:
    """How many events of the last days had not reached us; they are stored now. Then all stand as Stripe says."""
    since = int((timezone.now() - timedelta(days=REPAIR_DAYS)).timestamp())
    events = connection.driver.list("event", {"created": {"gte": since}})
    missed = sum(store_event(connection, event) is not None for event in events)
    mirrors = BillingSubscription.objects.filter(mode=connection.mode).exclude(stripe_id="")
    for stripe_id in mirrors.filter(~Q(status="canceled")).values_list("stripe_id", flat=True):
        try:
            sync_subscription(connection, stripe_id)
        except (Unmatched, DriverFailed) as fault:
            logger.warning("subscription %s could not be repaired: %s", stripe_id, fault)
    _repair_invoices(connection, since)
    return missed


def _repair_invoices(connection: Connection, since: int) -> None:
    """Those made in the last days, and those that may still be paid or changed, are as Stripe has them now."""
    made = [str(each["id"]) for each in connection.driver.list("invoice", {"created": {"gte": since}})]
    unsettled = Invoice.objects.filter(mode=connection.mode).exclude(status__in=("paid", "void"))
    for stripe_id in dict.fromkeys([*made, *unsettled.values_list("pk", flat=True)]):
        try:
            invoice = sync_invoice(connection, stripe_id)
        except (Unmatched, DriverFailed) as fault:
            logger.warning("invoice %s could not be repaired: %s", stripe_id, fault)
            continue
        if invoice.status != "draft":
            rate_invoice(invoice)


def _put_off(event: StripeEvent, why: str, *, most_attempts: int) -> None:
    if Rehearsal.objects.ended_for(_customer_of(event)).exists():
        event.state, event.outcome, event.retry_at = StripeEvent.State.APPLIED, "Its rehearsal has ended.", None
        event.applied_at = timezone.now()
        event.save(update_fields=["state", "outcome", "retry_at", "applied_at"])
        return
    is_over = event.attempts >= most_attempts
    event.state = StripeEvent.State.DEAD if is_over else StripeEvent.State.STORED
    event.outcome = why[:_OUTCOME_AT_MOST]
    event.retry_at = (
        None if is_over else timezone.now() + min(_FIRST_PAUSE * 2 ** min(event.attempts, 16), _LONGEST_PAUSE)
    )
    event.save(update_fields=["state", "outcome", "retry_at"])


def _customer_of(event: StripeEvent) -> str:
    """The id of the customer that the event's object is or belongs to; "" for none."""
    found = (json.loads(event.body).get("data") or {}).get("object") or {}
    named = found.get("id") if found.get("object") == "customer" else found.get("customer")
    return str((named.get("id") if isinstance(named, Mapping) else named) or "")
