"""The states of a subscription: which there are, where it is, what comes next and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.billing.models import PlanChange
from apim.ui.templatetags.formats import short_day
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
    ("pending", gettext_lazy("Requested"), gettext_lazy("An owner decides, where the plan asks for it."), 0, 1),
    ("awaiting", gettext_lazy("Waits for payment"), gettext_lazy("Calls get 403 until it is paid."), 1, 1),
    ("trialing", gettext_lazy("Trial"), gettext_lazy("Calls pass; nothing is charged yet."), 2, 1),
    ("ok", gettext_lazy("In force"), gettext_lazy("Calls pass."), 3, 1),
    (
        "changing",
        gettext_lazy("Changing"),
        gettext_lazy("Calls pass by the old plan; the other one holds once it is paid."),
        3,
        0,
    ),
    ("grace", gettext_lazy("Payment failed"), gettext_lazy("Calls pass; the card is tried again."), 3, 2),
    ("restricted", gettext_lazy("Restricted"), gettext_lazy("Calls pass at a quarter of the plan's rate."), 4, 2),
    ("suspended", gettext_lazy("Suspended"), gettext_lazy("Calls get 402 until it is paid; keys stay."), 5, 2),
    ("paused", gettext_lazy("Paused"), gettext_lazy("Calls get 403 with the reason."), 2, 2),
    ("canceled", gettext_lazy("Cancelled"), gettext_lazy("Calls pass until the end of the period."), 4, 1),
    ("ended", gettext_lazy("Ended"), gettext_lazy("Calls get 403; subscribe again to go on."), 5, 1),
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
    steps = tuple(
        Step(str(label), str(meaning), "current" if name == here else "") for name, label, meaning, _, _ in shown
    )
    nodes = {
        name: Node(
            str(label),
            *places[name],
            is_here=name == here,
            note=short_day(following.at) if following and following.name == name and name != here else "",
        )
        for name, label, _, _, _ in shown
    }
    label = next((step.label for step in steps if step.state), "")
    summary = " ".join([_("It is at “%(state)s”.") % {"state": label}, *([following.words] if following else [])])
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
        return Next("ended", _("It ends then."), subscription.ends_at)
    if billing is not None and billing.unpaid_since is not None:
        return _dunning_of(subscription, billing.unpaid_since)
    if change is not None:
        plan = change.to_version.plan
        if change.kind == PlanChange.Kind.AWAITS_PAYMENT:
            words = _("Unless %(plan)s is paid by then, %(present)s goes on.")
            return Next("ok", words % {"plan": plan, "present": subscription.plan_version.plan}, change.at)
        is_same = change.to_version.plan_id == subscription.plan_version.plan_id
        same, other = _("The plan's new terms begin then."), _("%(plan)s begins then.") % {"plan": plan}
        return Next("ok", same if is_same else other, change.at)
    if billing is not None and billing.status == "trialing" and billing.trial_end is not None:
        return Next("ok", _("The trial ends then."), billing.trial_end)
    return None


def _dunning_of(subscription: Subscription, since: datetime) -> Next | None:
    """What follows an invoice that stays unpaid."""
    dunning = subscription.plan_version.terms.dunning
    name, words, days = {
        "grace": ("restricted", _("Calls are slowed down then, unless it is paid."), dunning.grace_days / 2),
        "restricted": ("suspended", _("Calls are refused then, unless it is paid."), dunning.grace_days),
        "suspended": ("ended", _("It ends then, unless it is paid."), dunning.end_after_days),
    }.get(str(subscription.payment), ("", "", 0))
    return Next(name, words, since + timedelta(days=days)) if name else None
