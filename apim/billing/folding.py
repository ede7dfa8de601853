"""Folding: how a subscription stands, from what Stripe says of it now. Pure: no database, no clock, no network.

The three axes come from the present objects alone, never from the order in which events came.
Source: docs.stripe.com/billing/subscriptions/overview (statuses).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apim.pricing.clauses import Dunning

_ENDED: Final = {
    "canceled": "The subscription was cancelled.",
    "incomplete_expired": "The first payment was not made in time.",
}
_DUE: Final = ("past_due", "unpaid")
NO_CARD: Final = "The trial ended without a payment method."
NOT_PAID: Final = "An invoice has not been paid."
STAGES: Final = ("grace", "banner", "restricted", "suspended", "ended")
BANNER_DAYS: Final = 3


@dataclass(frozen=True, slots=True)
class Fold:
    """Where a subscription stands. Shapes: lifecycle and payment as in access; unpaid_since None = nothing is due."""

    lifecycle: str
    payment: str
    reason: str = ""
    ends_at: datetime | None = None
    anchor: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    trial_end: datetime | None = None
    unpaid_since: datetime | None = None


def fold(
    found: Mapping[str, Any],
    open_invoices: Iterable[Mapping[str, Any]],
    *,
    dunning: Dunning,
    now: datetime,
    patient_until: datetime | None = None,
    known_since: datetime | None = None,
) -> Fold:
    """The standing of a Stripe subscription with its invoices that are open or written off.

    Shapes: patient_until is an admin's extension: before it nobody is restricted, suspended or ended. known_since =
    since when it was known to owe something: counts where Stripe says so and shows no invoice that was tried.
    """
    status = found["status"]
    since = unpaid_since(open_invoices, now=now) if status in (*_DUE, "active") else None
    start, end = period_of(found)
    ends_at = at(found.get("cancel_at")) or (end if found.get("cancel_at_period_end") else None)
    lifecycle, payment, reason = "active", "ok", ""
    if status in _ENDED:
        lifecycle, reason, ends_at = "ended", _ENDED[status], at(found.get("ended_at"))
    elif status == "incomplete":
        lifecycle, payment = "pending", "none"
    elif status == "paused":
        lifecycle, reason = "paused", NO_CARD
    elif status in _DUE or since is not None:
        since = since or known_since or now
        stage = stage_of(now - since, dunning)
        if patient_until is not None and now < patient_until:
            stage = "grace"
        payment = payment_of(stage)
        reason = "" if payment in ("grace", "restricted") else NOT_PAID
        if stage == "ended":
            lifecycle, reason = "ended", f"Not paid for {dunning.end_after_days} days."
    if lifecycle == "active" and ends_at is not None:
        lifecycle = "canceled"
    return Fold(
        lifecycle=lifecycle,
        payment=payment,
        reason=reason,
        ends_at=ends_at,
        anchor=at(found.get("billing_cycle_anchor")),
        period_start=start,
        period_end=end,
        trial_end=at(found.get("trial_end")),
        unpaid_since=since,
    )


def stage_of(age: timedelta, dunning: Dunning) -> str:
    """How far dunning is: grace, banner, restricted from the half of the grace, suspended after it, at last ended."""
    days = age / timedelta(days=1)
    if days >= dunning.end_after_days:
        return "ended"
    if days >= dunning.grace_days:
        return "suspended"
    if days >= dunning.grace_days / 2:
        return "restricted"
    return "banner" if days >= BANNER_DAYS else "grace"


def payment_of(stage: str) -> str:
    """The payment state of a stage of dunning."""
    return {"grace": "grace", "banner": "grace", "restricted": "restricted"}.get(stage, "suspended")


def unpaid_since(open_invoices: Iterable[Mapping[str, Any]], *, now: datetime) -> datetime | None:
    """Since when the oldest invoice that was tried, written off or is overdue is owed; None when none is."""
    due = [
        _due_at(invoice, now)
        for invoice in open_invoices
        if invoice["status"] in ("open", "uncollectible") and invoice["amount_remaining"]
    ]
    return min((moment for moment in due if moment is not None), default=None)


def _due_at(invoice: Mapping[str, Any], now: datetime) -> datetime | None:
    """Since when an invoice is owed; None for one that nobody tried to collect and that may still be paid by hand."""
    if invoice.get("attempted") or invoice["status"] == "uncollectible":
        return at((invoice.get("status_transitions") or {}).get("finalized_at")) or at(invoice["created"])
    promised = at(invoice.get("due_date"))
    return promised if promised is not None and promised < now else None


def period_of(found: Mapping[str, Any]) -> tuple[datetime | None, datetime | None]:
    """The billing period now; the items carry it."""
    items = found.get("items", {}).get("data", [])
    starts = [item["current_period_start"] for item in items if item.get("current_period_start")]
    ends = [item["current_period_end"] for item in items if item.get("current_period_end")]
    return at(max(starts, default=None)), at(min(ends, default=None))


def at(seconds: int | None) -> datetime | None:
    """The moment of a Unix time."""
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def moment_of(seconds: int) -> datetime:
    """The moment of a Unix time that is always told."""
    return datetime.fromtimestamp(seconds, UTC)


def subscription_id_of(kind: str, found: Mapping[str, Any]) -> str:
    """Which Stripe subscription an object is about; "" for none."""
    if kind == "subscription":
        return str(found["id"])
    if kind == "invoice":
        parent = found.get("parent") or {}
        details = parent.get("subscription_details") or {}
        return _id_of(details.get("subscription"))
    return _id_of(found.get("subscription"))


def _id_of(reference: object) -> str:
    """The id of what may be told as an id or as the whole object."""
    if isinstance(reference, Mapping):
        return str(reference.get("id", ""))
    return str(reference or "")
