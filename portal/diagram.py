"""The states of a subscription: which there are, where it is, what comes next and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from apim.billing.models import PlanChange
from portal.diagram_picture import Node, draw

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from apim.access.models import Subscription
    from apim.billing.models import BillingSubscription


@dataclass(frozen=True, slots=True)
class Step:
    """A state. Shapes: state is "" or "current"."""

    label: str
    meaning: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Next:
    """What follows without anybody's doing. Shapes: name of the state it leads to."""

    name: str
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Diagram:
    """The states as a list in words and as pictures of both widths."""

    steps: tuple[Step, ...]
    pictures: tuple[SafeString, ...]
    following: Next | None


# name, label, meaning, the place in the picture: a column, and a row of which the middle one is the usual way
_STATES = (
    ("pending", "Requested", "An owner decides, where the plan asks for it.", 0, 1),
    ("awaiting", "Waits for payment", "Calls get 403 until it is paid.", 1, 1),
    ("trialing", "Trial", "Calls pass; nothing is charged yet.", 2, 1),
    ("ok", "In force", "Calls pass.", 3, 1),
    ("changing", "Changing", "Calls pass by the old plan; the other one holds once it is paid.", 3, 0),
    ("grace", "Payment failed", "Calls pass; the card is tried again.", 3, 2),
    ("restricted", "Restricted", "Calls pass at a quarter of the plan's rate.", 4, 2),
    ("suspended", "Suspended", "Calls get 402 until it is paid; keys stay.", 5, 2),
    ("paused", "Paused", "Calls get 403 with the reason.", 2, 2),
    ("canceled", "Cancelled", "Calls pass until the end of the period.", 4, 1),
    ("ended", "Ended", "Calls get 403; subscribe again to go on.", 5, 1),
)
_WAYS = (
    ("pending", "awaiting"), ("awaiting", "trialing"), ("trialing", "ok"), ("ok", "changing"), ("ok", "canceled"),
    ("canceled", "ended"), ("ok", "grace"), ("grace", "restricted"), ("restricted", "suspended"),
    ("suspended", "ended"), ("trialing", "paused"),
)  # fmt: skip
_FREE_WAYS = (("pending", "ok"), ("ok", "canceled"), ("canceled", "ended"), ("ok", "paused"))
_OF_FREE = {"pending": (0, 1), "ok": (1, 1), "paused": (1, 2), "canceled": (2, 1), "ended": (3, 1)}


def diagram_of(
    subscription: Subscription, billing: BillingSubscription | None = None, change: PlanChange | None = None
) -> Diagram:
    """Where the subscription is among its states; those of payment only where something is paid."""
    here = _place_of(subscription, billing, change)
    following = _next_of(subscription, billing, change)
    is_paid = subscription.plan_version.is_priced or subscription.payment != subscription.Payment.NONE
    places = {name: (column, row) for name, _, _, column, row in _STATES} if is_paid else _OF_FREE
    shown = [each for each in _STATES if each[0] in places]
    steps = tuple(Step(label, meaning, "current" if name == here else "") for name, label, meaning, _, _ in shown)
    nodes = {
        name: Node(
            label,
            *places[name],
            is_here=name == here,
            note=f"{following.at:%d %b}" if following and following.name == name and name != here else "",
        )
        for name, label, _, _, _ in shown
    }
    label = next((step.label for step in steps if step.state), "")
    summary = f"It is at “{label}”." + (f" {following.words}" if following else "")
    return Diagram(steps, draw(nodes, _WAYS if is_paid else _FREE_WAYS, summary), following)


def _place_of(subscription: Subscription, billing: BillingSubscription | None, change: PlanChange | None) -> str:
    lifecycle = subscription.lifecycle
    if subscription.awaits_payment and lifecycle == subscription.Lifecycle.PENDING:
        return "awaiting"
    if lifecycle == subscription.Lifecycle.REJECTED:
        return "ended"
    if lifecycle != subscription.Lifecycle.ACTIVE:
        return str(lifecycle)
    if subscription.payment in {"grace", "restricted", "suspended"}:
        return str(subscription.payment)
    if change is not None and change.kind == PlanChange.Kind.AWAITS_PAYMENT:
        return "changing"
    return "trialing" if billing is not None and billing.status == "trialing" else "ok"


def _next_of(subscription: Subscription, billing: BillingSubscription | None, change: PlanChange | None) -> Next | None:
    if not subscription.is_live:
        return None
    if subscription.lifecycle == subscription.Lifecycle.CANCELED and subscription.ends_at:
        return Next("ended", "It ends then.", subscription.ends_at)
    if billing is not None and billing.unpaid_since is not None:
        return _dunning_of(subscription, billing.unpaid_since)
    if change is not None:
        plan = change.to_version.plan
        if change.kind == PlanChange.Kind.AWAITS_PAYMENT:
            return Next("ok", f"Unless {plan} is paid by then, {subscription.plan_version.plan} goes on.", change.at)
        is_same = change.to_version.plan_id == subscription.plan_version.plan_id
        return Next("ok", "The plan's new terms begin then." if is_same else f"{plan} begins then.", change.at)
    if billing is not None and billing.status == "trialing" and billing.trial_end is not None:
        return Next("ok", "The trial ends then.", billing.trial_end)
    return None


def _dunning_of(subscription: Subscription, since: datetime) -> Next | None:
    """What follows an invoice that stays unpaid."""
    dunning = subscription.plan_version.terms.dunning
    name, words, days = {
        "grace": ("restricted", "Calls are slowed down then, unless it is paid.", dunning.grace_days / 2),
        "restricted": ("suspended", "Calls are refused then, unless it is paid.", dunning.grace_days),
        "suspended": ("ended", "It ends then, unless it is paid.", dunning.end_after_days),
    }.get(str(subscription.payment), ("", "", 0))
    return Next(name, words, since + timedelta(days=days)) if name else None
