"""Coming: the plan that a subscription has next, read from Stripe's present state like everything else.

Three things of Stripe's say so: a pending update, which holds once it is paid; a schedule with a phase to come; and a
cancellation at the end of the period that names the free plan which follows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from apim.access.models import Subscription
from apim.access.services import follow_with_plan
from apim.audit.actor import Actor
from apim.billing.connection import Connection
from apim.billing.driver import Object
from apim.billing.folding import Fold, at, moment_of
from apim.billing.items import version_of_items
from apim.billing.models import PlanChange
from apim.products.models import PlanVersion

OUR_NEXT: Final = "apim_next_plan_version"  # in the metadata of a subscription that a free plan follows


@dataclass(frozen=True, slots=True)
class Coming:
    """What is next. Shapes: at = when it holds; of what waits for payment, until when it waits."""

    version: PlanVersion
    kind: str
    at: datetime
    invoice_id: str = ""
    pay_url: str = ""


def read_coming(connection: Connection, found: Object) -> Coming | None:
    """What follows the Stripe subscription as it is; None for nothing. Errors: DriverFailed."""
    if found["status"] in ("canceled", "incomplete_expired"):
        return None
    if found.get("pending_update"):
        return _awaiting_payment(connection, found)
    if found.get("schedule"):
        return _scheduled(connection, found)
    ends_at = at(found.get("cancel_at"))
    follower = follower_of(found)
    if follower is None or ends_at is None:
        return None
    return Coming(follower, PlanChange.Kind.SCHEDULED, ends_at)


def pending_invoice(found: Object) -> str:
    """The invoice that a pending update waits for: no debt, for without it everything stays as it is."""
    return str(found.get("latest_invoice") or "") if found.get("pending_update") else ""


def follower_of(found: Object) -> PlanVersion | None:
    """The free plan version that follows the subscription when it ends with its period."""
    wanted = (found.get("metadata") or {}).get(OUR_NEXT, "")
    return PlanVersion.objects.select_related("plan").filter(id=wanted).first() if wanted else None


def going_on(standing: Fold, coming: Coming | None) -> Fold:
    """The standing of what a free plan follows: it goes on, so gateways are told of no end."""
    if coming is None or coming.version.is_priced or standing.lifecycle != "canceled":
        return standing
    return replace(standing, lifecycle="active", ends_at=None)


def keep_coming(subscription: Subscription, coming: Coming | None) -> None:
    """Remember what is next, in the transaction of the standing."""
    if coming is None:
        PlanChange.objects.filter(subscription=subscription).delete()
        return
    PlanChange.objects.update_or_create(
        subscription=subscription,
        defaults={
            "to_version": coming.version,
            "kind": coming.kind,
            "at": coming.at,
            "invoice_id": coming.invoice_id,
            "pay_url": coming.pay_url,
        },
    )


def follow(subscription: Subscription, found: Object, standing: Fold, *, by: Actor) -> bool:
    """True when the subscription ended with its period, all paid, and the free plan chosen took its place."""
    is_paid = subscription.payment == Subscription.Payment.OK
    if not subscription.is_live or standing.lifecycle != "ended" or not is_paid:
        return False
    follower = follower_of(found)
    if follower is None or not found.get("cancel_at_period_end"):
        return False
    follow_with_plan(subscription=subscription, version=follower, by=by)
    return True


def _awaiting_payment(connection: Connection, found: Object) -> Coming | None:
    pending = found["pending_update"]
    version = version_of_items(connection, pending.get("subscription_items") or [])
    if version is None:
        return None
    invoice_id = pending_invoice(found)
    invoice = connection.driver.find("invoice", invoice_id)
    return Coming(
        version,
        PlanChange.Kind.AWAITS_PAYMENT,
        moment_of(pending["expires_at"]),
        invoice_id,
        invoice.get("hosted_invoice_url") or "",
    )


def _scheduled(connection: Connection, found: Object) -> Coming | None:
    """The next phase; None when the last one has begun."""
    schedule = connection.driver.find("subscription_schedule", found["schedule"])
    current = schedule.get("current_phase")
    if not current:
        return None
    following = [each for each in schedule["phases"] if each["start_date"] >= current["end_date"]]
    if not following:
        return None
    version = version_of_items(connection, following[0]["items"])
    if version is None:
        return None
    return Coming(version, PlanChange.Kind.SCHEDULED, moment_of(following[0]["start_date"]))
