"""The states of a subscription as a picture in words: where it has been, where it is, where it may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apim.access.models import Subscription


@dataclass(frozen=True, slots=True)
class Step:
    """A state. Shapes: state is "" (not yet), "current" or "done"."""

    label: str
    meaning: str
    state: str = ""


_STEPS = (
    ("pending", "Requested", "An owner decides, where the plan asks for it."),
    ("awaiting", "Waits for payment", "Calls get 403 until it is paid."),
    ("ok", "In force", "Calls pass."),
    ("grace", "Payment failed", "Calls pass; the card is tried again."),
    ("restricted", "Restricted", "Calls pass at a quarter of the plan's rate."),
    ("suspended", "Suspended", "Calls get 402 until it is paid; keys stay."),
    ("paused", "Paused", "Calls get 403 with the reason."),
    ("canceled", "Cancelled", "Calls pass until the end of the period."),
    ("ended", "Ended", "Calls get 403; subscribe again to go on."),
)


def diagram_of(subscription: Subscription) -> list[Step]:
    """The states in their order; those of payment only where something is paid."""
    here = _place_of(subscription)
    is_paid = subscription.plan_version.is_priced or subscription.payment != subscription.Payment.NONE
    hidden = () if is_paid else ("awaiting", "grace", "restricted", "suspended")
    return [
        Step(label, meaning, "current" if name == here else "")
        for name, label, meaning in _STEPS
        if name not in hidden or name == here
    ]


def _place_of(subscription: Subscription) -> str:
    lifecycle = subscription.lifecycle
    if subscription.awaits_payment and lifecycle == subscription.Lifecycle.PENDING:
        return "awaiting"
    if lifecycle == subscription.Lifecycle.REJECTED:
        return "ended"
    if lifecycle != subscription.Lifecycle.ACTIVE:
        return str(lifecycle)
    return str(subscription.payment) if subscription.payment in {"grace", "restricted", "suspended"} else "ok"
