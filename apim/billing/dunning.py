"""Dunning: what follows an invoice that is not paid, by the clock; and mails that say so before it happens."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apim.access.models import Subscription
from apim.accounts.models import Membership
from apim.audit.models import AuditEvent
from apim.billing.alarms import raise_alarm
from apim.billing.clocks import time_of
from apim.billing.connection import Connection
from apim.billing.driver import DriverFailed
from apim.billing.folding import payment_of, stage_of
from apim.billing.metering import tell_last_usage
from apim.billing.models import BillingAlarm, BillingSubscription
from apim.billing.standing import BILLING, Unmatched, sync_subscription
from apim.billing.true_ups import true_up_last
from apim.notifications.posting import post

logger = logging.getLogger(__name__)

_OPEN: Final = _("a payment is still open")
_WORDS: Final = {  # in a few words, and in full
    "grace": (_("a payment failed"), _("A payment failed. Calls go on; please look at the card.")),
    "banner": (_OPEN, _("A payment is still open. Calls go on for now.")),
    "restricted": (_OPEN, _("A payment is still open. Calls now pass at a quarter of the plan's rate.")),
    "suspended": (
        _OPEN,
        _("A payment is still open. Calls are refused with 402 until it is made; keys stay as they are."),
    ),
    "ended": (
        _("the subscription has ended because it was not paid"),
        _("The subscription has ended because it was not paid."),
    ),
}


def follow_clock(connection: Connection) -> int:
    """How many subscriptions that owe something moved on. Time alone moves them: Stripe tells nothing on such days."""
    owing = BillingSubscription.objects.filter(mode=connection.mode, unpaid_since__isnull=False)
    moved = 0
    for mirror in owing.select_related("subscription__plan_version"):
        if mirror.unpaid_since is None or not mirror.subscription.is_live:
            continue
        try:
            moved += _follow(connection, mirror, mirror.unpaid_since)
        except (DriverFailed, Unmatched) as fault:
            # Whether it was paid meanwhile is not known: nobody is refused on a guess.
            logger.warning("dunning of %s waits: %s", mirror.subscription_id, fault)
    return moved


def _follow(connection: Connection, mirror: BillingSubscription, unpaid_since: datetime) -> bool:
    """True when the payer has come to another stage. Errors: DriverFailed; Unmatched."""
    now = time_of(connection, mirror.test_clock)
    stage = stage_of(now - unpaid_since, mirror.subscription.plan_version.terms.dunning)
    is_patient = mirror.grace_until is not None and now < mirror.grace_until
    due = payment_of("grace" if is_patient else stage)
    if due == mirror.subscription.payment and (is_patient or stage == mirror.told_stage):
        return False
    sync_subscription(connection, mirror.stripe_id)
    return tell_stage(mirror.subscription_id, now=now)


@transaction.atomic
def tell_stage(subscription_id: str, *, now: datetime) -> bool:
    """True when the payer was told of a stage that is new to them."""
    mirror = (
        BillingSubscription.objects.select_for_update(of=("self",))
        .select_related("subscription__plan_version", "subscription__product")
        .get(subscription_id=subscription_id)
    )
    if mirror.unpaid_since is None:
        return False
    stage = stage_of(now - mirror.unpaid_since, mirror.subscription.plan_version.terms.dunning)
    if stage == mirror.told_stage or (mirror.grace_until is not None and now < mirror.grace_until):
        return False
    mirror.told_stage = stage
    mirror.save(update_fields=["told_stage"])
    subscription = mirror.subscription
    members = Membership.objects.filter(organization=subscription.organization_id, user__is_active=True)
    link = f"{settings.BASE_URL}/my/subscriptions/{subscription.id}"
    headline, words = _WORDS[stage]
    post(
        "billing.unpaid",
        to=members.values_list("user__email", flat=True),
        values={"product": subscription.product, "headline": headline, "stage": words, "link": link},
    )
    return True


def end_what_is_over(connection: Connection) -> int:
    """How many subscriptions were ended at Stripe because they have ended here: nobody pays for what is refused."""
    over = BillingSubscription.objects.filter(
        mode=connection.mode,
        subscription__lifecycle__in=(Subscription.Lifecycle.ENDED, Subscription.Lifecycle.REJECTED),
    )
    ended = 0
    over = over.select_related("subscription")
    for mirror in over.exclude(stripe_id="").exclude(status__in=("canceled", "incomplete_expired")):
        try:
            tell_last_usage(connection, mirror.subscription_id)
            true_up_last(connection, mirror.subscription_id)
            # What was paid too late is refunded whole by an admin, so the rest of it is not credited as well.
            is_credited = _is_ended_by_somebody(mirror.subscription) and not _is_paid_too_late(mirror)
            params = {"invoice_now": True, "prorate": is_credited}
            connection.driver.act("subscription", mirror.stripe_id, "cancel", params)
            sync_subscription(connection, mirror.stripe_id)
        except (DriverFailed, Unmatched) as fault:
            logger.warning("subscription %s could not be ended at Stripe: %s", mirror.stripe_id, fault)
            continue
        _tell_paid_too_late(connection, mirror)
        ended += 1
    return ended


def _is_ended_by_somebody(subscription: Subscription) -> bool:
    """True when an owner or admin took it away: what was paid for the rest is credited then, and not by the clock.

    Who subscribed ends it at Stripe first, and gets nothing back of a period that they leave.
    """
    ends = AuditEvent.objects.filter(action="subscription.end", target_id=subscription.pk).order_by("-id")
    return ends.values_list("actor_kind", flat=True).first() != BILLING.kind


def _tell_paid_too_late(connection: Connection, mirror: BillingSubscription) -> None:
    """Have an admin give the money back of what was bought when it was over here."""
    if _is_paid_too_late(mirror):
        text = (
            f"The subscription of {mirror.subscription} was paid after it had ended.",
            "It was ended at Stripe at once: refund what was paid.",
        )
        raise_alarm(connection, BillingAlarm.Kind.PAID_TOO_LATE, mirror.stripe_id, "\n".join(text))


def _is_paid_too_late(mirror: BillingSubscription) -> bool:
    """True when it was bought after it was over here. Stripe tells whole seconds."""
    over_at = mirror.subscription.ends_at or mirror.subscription.decided_at
    if mirror.started_at is None or over_at is None:
        return False
    return mirror.started_at >= over_at.replace(microsecond=0)
