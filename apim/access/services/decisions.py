"""Decisions on subscriptions: approve, reject, pause, resume, cancel, end. Each checks the state it starts from."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.access import inbox
from apim.access.models import Subscription
from apim.access.services.subscriptions import emit_subscription
from apim.access.telling import tell_subscription
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record, state_of
from apim.errors import Conflict, Invalid

_Lifecycle = Subscription.Lifecycle
_LONGEST_REASON = 255  # the audit log keeps the whole of it


@transaction.atomic
def approve_subscription(*, subscription: Subscription, by: Actor) -> Subscription:
    """The request granted: a pending subscription starts, or the plan asked for replaces the one in force."""
    subscription = _locked(subscription)
    before = state_of(subscription)
    _check_awaiting(subscription)
    wish = subscription.requested_plan_version
    if (wish or subscription.plan_version).is_priced:
        subscription.awaits_payment = True  # approved; it begins once it is paid
    elif wish is not None:
        subscription.plan_version = wish
        subscription.requested_plan_version = None
    else:
        subscription.lifecycle = _Lifecycle.ACTIVE
    return _decide(subscription, before, by=by, action="subscription.approve")


@transaction.atomic
def reject_subscription(*, subscription: Subscription, by: Actor, reason: str) -> Subscription:
    """The request refused, with a reason its sender reads; a subscription in force goes on with the plan it has."""
    if not reason.strip():
        raise Invalid(
            "access.reason_missing",
            _("A rejection needs a reason."),
            field="reason",
            hint=_("The person who asked will read it."),
        )
    subscription = _locked(subscription)
    before = state_of(subscription)
    _check_awaiting(subscription)
    if subscription.requested_plan_version_id is not None:
        subscription.requested_plan_version = None
    else:
        subscription.lifecycle = _Lifecycle.REJECTED
        subscription.awaits_payment = False
    return _decide(subscription, before, by=by, action="subscription.reject", reason=reason)


@transaction.atomic
def pause_subscription(*, subscription: Subscription, by: Actor, reason: str = "") -> Subscription:
    """Refuse its calls until it is resumed."""
    return _move(subscription, _Lifecycle.ACTIVE, _Lifecycle.PAUSED, by=by, action="subscription.pause", reason=reason)


@transaction.atomic
def resume_subscription(*, subscription: Subscription, by: Actor) -> Subscription:
    """Let a paused subscription call again."""
    return _move(subscription, _Lifecycle.PAUSED, _Lifecycle.ACTIVE, by=by, action="subscription.resume")


@transaction.atomic
def cancel_subscription(*, subscription: Subscription, by: Actor, at: datetime | None = None) -> Subscription:
    """Works until `at`, then ends; without a date, and when its calls are refused anyway, it ends now.

    A paused one must not turn into one that works until its end: that would undo the pause.
    Errors: Conflict access.ends_with_its_period for a date and what is paid for.
    """
    subscription = _locked(subscription)
    is_refused = subscription.lifecycle in (_Lifecycle.PENDING, _Lifecycle.PAUSED)
    if at is None or at <= timezone.now() or is_refused:
        return end_subscription(subscription=subscription, by=by)
    before = state_of(subscription)
    _check_state(subscription, (_Lifecycle.ACTIVE, _Lifecycle.CANCELED), "canceled")
    if subscription.payment != Subscription.Payment.NONE:
        # Who bills it would not know, go on charging, and so bring it back.
        raise Conflict(
            "access.ends_with_its_period",
            _("The subscription of %(subscription)s is paid for, so it ends at once or with its period.")
            % {"subscription": subscription},
            hint=_("Cancel it in the portal to the end of its period, or leave `at` out to end it now."),
            field="at",
        )
    subscription.lifecycle = _Lifecycle.CANCELED
    subscription.ends_at = at
    subscription.requested_plan_version = None
    subscription.save()
    record(by=by, action="subscription.cancel", target=subscription, before=before, after=state_of(subscription))
    emit_subscription(subscription)
    return subscription


@transaction.atomic
def end_subscription(*, subscription: Subscription, by: Actor, reason: str = "") -> Subscription:
    """Over, at once and for good; the organization may subscribe anew."""
    subscription = _locked(subscription)
    before = state_of(subscription)
    _check_state(subscription, Subscription.LIVE, "ended")
    subscription.lifecycle = _Lifecycle.ENDED
    subscription.ends_at = timezone.now()
    subscription.requested_plan_version = None
    subscription.reason = reason[:_LONGEST_REASON]
    subscription.save()
    record(
        by=by,
        action="subscription.end",
        target=subscription,
        before=before,
        after=state_of(subscription),
        reason=reason,
    )
    tell_subscription("subscription.ended", subscription)
    emit_subscription(subscription)
    return subscription


def end_due_subscriptions() -> int:
    """How many canceled subscriptions reached their end and are marked now; gateways refused them already."""
    due = Subscription.objects.filter(lifecycle=_Lifecycle.CANCELED, ends_at__lte=timezone.now())
    ids = list(due.values_list("id", flat=True))
    return sum(_end_if_due(subscription_id) for subscription_id in ids)


@transaction.atomic
def _end_if_due(subscription_id: str) -> bool:
    """True when it was still due under the lock: its owner may have come back meanwhile."""
    subscription = _locked(Subscription(id=subscription_id))
    if subscription.lifecycle != _Lifecycle.CANCELED:
        return False
    if subscription.ends_at is None or subscription.ends_at > timezone.now():
        return False
    end_subscription(subscription=subscription, by=system_actor("subscription end"))
    return True


def _locked(subscription: Subscription) -> Subscription:
    return Subscription.objects.with_names().select_for_update(of=("self",)).get(pk=subscription.pk)


def _check_awaiting(subscription: Subscription) -> None:
    if not subscription.is_awaiting_decision:
        raise Conflict(
            "access.not_awaiting_decision",
            _("The subscription of %(subscription)s is %(lifecycle)s: there is nothing to decide.")
            % {"subscription": subscription, "lifecycle": subscription.lifecycle},
            hint=_("Someone else may have decided it; reload the page."),
        )


def _check_state(subscription: Subscription, allowed: tuple[str, ...], verb: str) -> None:
    if subscription.lifecycle not in allowed:
        raise Conflict(
            f"access.cannot_be_{verb}",
            _("The subscription of %(subscription)s is %(lifecycle)s and cannot be %(verb)s.")
            % {"subscription": subscription, "lifecycle": subscription.lifecycle, "verb": verb},
            hint=_("Reload the page to see its state now."),
        )


def _move(
    subscription: Subscription, source: str, to: str, *, by: Actor, action: str, reason: str = ""
) -> Subscription:
    subscription = _locked(subscription)
    before = state_of(subscription)
    _check_state(subscription, (source,), "resumed" if to == _Lifecycle.ACTIVE else to)
    subscription.lifecycle = to
    subscription.reason = reason[:_LONGEST_REASON]
    subscription.save(update_fields=["lifecycle", "reason"])
    record(by=by, action=action, target=subscription, before=before, after=state_of(subscription), reason=reason)
    emit_subscription(subscription)
    return subscription


def _decide(
    subscription: Subscription, before: dict[str, Any], *, by: Actor, action: str, reason: str = ""
) -> Subscription:
    subscription.decided_by = by.label
    subscription.decided_at = timezone.now()
    subscription.reason = reason[:_LONGEST_REASON]
    subscription.save()
    record(by=by, action=action, target=subscription, before=before, after=state_of(subscription), reason=reason)
    inbox.announce_decision(subscription)
    is_approved = action == "subscription.approve"
    tell_subscription("subscription.approved" if is_approved else "subscription.rejected", subscription)
    emit_subscription(subscription)
    return subscription
