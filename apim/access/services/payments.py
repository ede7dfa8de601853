"""What billing says of a subscription: its payment, its first payment, its credits, its billing periods.

Owns: these axes and their way to gateways. Must not know: who is paid, and how.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from apim.access.models import Subscription
from apim.access.services.subscriptions import emit_subscription
from apim.access.telling import tell_subscription
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid
from apim.listing import enumerated
from apim.products.models import PlanVersion

_LONGEST_REASON = 255


@dataclass(frozen=True, slots=True)
class Spent:
    """What follows from the spending of the period. Shapes: capped_until None = nothing is refused for it."""

    capped_until: datetime | None = None
    is_throttled: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a subscription stands with whoever bills it; None = as it is.

    Shapes: lifecycle is active, paused, canceled or ended; ends_at counts with canceled.
    """

    payment: str | None = None
    lifecycle: str | None = None
    ends_at: datetime | None = None
    anchor: datetime | None = None
    plan_version: PlanVersion | None = None
    is_out_of_credits: bool | None = None
    spent: Spent | None = None
    awaits_payment: bool | None = None


@transaction.atomic
def set_payment(*, subscription: Subscription, payment: str, by: Actor, reason: str = "") -> Subscription:
    """The subscription with this payment state, which gateways obey within seconds; keys stay as they are.

    Errors: access.payment_unknown; Conflict access.subscription_over.
    """
    if payment not in Subscription.Payment.values:
        hint = _("One of %(names)s.") % {"names": enumerated(Subscription.Payment.values)}
        raise Invalid(
            "access.payment_unknown",
            _("`%(payment)s` is no payment state.") % {"payment": payment},
            field="payment",
            hint=hint,
        )
    return settle_subscription(subscription=subscription, standing=Standing(payment=payment), by=by, reason=reason)


@transaction.atomic
def settle_subscription(*, subscription: Subscription, standing: Standing, by: Actor, reason: str = "") -> Subscription:
    """The subscription as it stands with who bills it; unchanged and untold when it stands so already.

    Errors: Conflict access.subscription_over: what has ended does not come back, its organization subscribes anew.
    """
    subscription = Subscription.objects.with_names().select_for_update(of=("self",)).get(pk=subscription.pk)
    before = state_of(subscription)
    if not subscription.is_live:
        message = _("The subscription of %(subscription)s is %(lifecycle)s.") % {
            "subscription": subscription,
            "lifecycle": subscription.lifecycle,
        }
        raise Conflict("access.subscription_over", message, hint=_("Its organization can subscribe again."))
    _apply(subscription, standing)
    if reason or standing.lifecycle not in (None, before["lifecycle"]):
        subscription.reason = reason[:_LONGEST_REASON]
    after = state_of(subscription)
    if after == before:
        return subscription
    subscription.save()
    record(by=by, action="subscription.settle", target=subscription, before=before, after=after, reason=reason)
    _tell(subscription, str(before["lifecycle"]))
    emit_subscription(subscription)
    return subscription


def _tell(subscription: Subscription, lifecycle_before: str) -> None:
    """What is paid for begins and ends here, not by a decision."""
    lifecycle = Subscription.Lifecycle
    if subscription.lifecycle == lifecycle.ENDED:
        tell_subscription("subscription.ended", subscription)
    elif lifecycle_before == lifecycle.PENDING and subscription.lifecycle == lifecycle.ACTIVE:
        tell_subscription("subscription.approved", subscription)


def _apply(subscription: Subscription, standing: Standing) -> None:
    if standing.payment is not None:
        subscription.payment = standing.payment
    if standing.lifecycle is not None:
        subscription.lifecycle = standing.lifecycle
        subscription.ends_at = standing.ends_at
        subscription.awaits_payment = subscription.awaits_payment and standing.lifecycle == "pending"
    if standing.anchor is not None:
        subscription.billing_anchor = standing.anchor
    if standing.plan_version is not None:
        subscription.plan_version = standing.plan_version
        subscription.requested_plan_version = None
        subscription.awaits_payment = False
    if standing.awaits_payment is not None:
        subscription.awaits_payment = standing.awaits_payment
    if standing.is_out_of_credits is not None:
        subscription.is_out_of_credits = standing.is_out_of_credits
    if standing.spent is not None:
        subscription.capped_until = standing.spent.capped_until
        subscription.is_throttled = standing.spent.is_throttled
