"""Leaving: what was bought with test money, or at another account, when another key is connected since.

It is charged no more, so it is named before the switch, and an admin ends it or has it paid again: nothing by itself.
"""

from __future__ import annotations

import logging
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apim.access.models import Subscription
from apim.access.services import Standing, end_subscription, settle_subscription
from apim.accounts.links import absolute_url
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.connection import Connection, account_of, connection_of
from apim.billing.driver import DriverFailed, provider_failed
from apim.billing.mails import addresses_of
from apim.billing.models import BillingSubscription
from apim.errors import Invalid
from apim.notifications.posting import post

logger = logging.getLogger(__name__)

END: Final = "end"
PAY_AGAIN: Final = "pay-again"


def bought_here(connection: Connection) -> QuerySet[BillingSubscription]:
    """What is in force and charged by this connection."""
    return _in_force().filter(_here(connection))


def left_behind(connection: Connection) -> QuerySet[BillingSubscription]:
    """What is in force and was bought where nothing is charged now."""
    return _in_force().exclude(_here(connection))


def settle_left_behind(*, connection: Connection, act: str, by: Actor) -> tuple[int, list[str]]:
    """(how many were ended or wait for a payment now, what may still run at Stripe), each in words.

    Errors: Invalid billing.act_unknown; Conflict billing.provider_failed.
    """
    if act not in (END, PAY_AGAIN):
        raise Invalid("billing.act_unknown", _("Choose what becomes of them."), field="act")
    try:
        account, found = account_of(connection), list(left_behind(connection))
    except DriverFailed as failure:
        raise provider_failed(failure) from failure
    running = [words for mirror in found if (words := _cancel_there(mirror))]
    for mirror in found:
        if act == END:
            _end(mirror, by)
        else:
            _have_paid_again(mirror, mode=connection.mode, account=account, by=by)
    return len(found), running


def _in_force() -> QuerySet[BillingSubscription]:
    bought = BillingSubscription.objects.exclude(stripe_id="").filter(
        subscription__lifecycle__in=Subscription.LIVE,
        test_clock="",  # what a rehearsal bought goes with it
    )
    named = bought.select_related("subscription__organization", "subscription__product__organization")
    return named.order_by("subscription_id")


def _here(connection: Connection) -> Q:
    try:
        return Q(mode=connection.mode, account_id__in=("", account_of(connection)))
    except DriverFailed:  # which account it is cannot be asked now: nothing is taken for left behind on a guess
        return Q(mode=connection.mode)


def _cancel_there(mirror: BillingSubscription) -> str:
    """What may go on at Stripe, in words; "" when it was ended there. Where no key is left nobody can be asked."""
    there = connection_of(mirror.mode, mirror.account_id)
    if there is None:
        return _("%(id)s of %(subscription)s: its key is not here any more") % {
            "id": mirror.stripe_id,
            "subscription": mirror.subscription,
        }
    try:
        there.driver.act("subscription", mirror.stripe_id, "cancel", {})
    except DriverFailed as failure:
        logger.warning("%s could not be ended in %s mode: %s", mirror.stripe_id, mirror.mode, failure)
        return _("%(id)s of %(subscription)s: %(failure)s") % {
            "id": mirror.stripe_id,
            "subscription": mirror.subscription,
            "failure": failure,
        }
    return ""


@transaction.atomic
def _end(mirror: BillingSubscription, by: Actor) -> None:
    reason = f"It was bought in {mirror.mode} mode, which is not used any more."
    end_subscription(subscription=mirror.subscription, by=by, reason=reason)
    BillingSubscription.objects.filter(pk=mirror.pk).update(status="canceled", unpaid_since=None)


@transaction.atomic
def _have_paid_again(mirror: BillingSubscription, *, mode: str, account: str, by: Actor) -> None:
    """It waits for a payment as if it were new; keys and applications stay."""
    subscription = mirror.subscription
    standing = Standing(payment=Subscription.Payment.NONE, lifecycle="pending", awaits_payment=True)
    settle_subscription(
        subscription=subscription, standing=standing, by=by, reason="Payments have moved: it must be paid again."
    )
    before = {"stripe_id": mirror.stripe_id, "mode": mirror.mode}
    fresh = BillingSubscription(subscription=subscription, mode=mode, account_id=account, version=mirror.version + 1)
    fresh.save(force_update=True)
    record(
        by=by,
        action="billing.have_paid_again",
        target=fresh,
        before=before,
        after={"stripe_id": "", "mode": mode},
        organization_id=subscription.organization_id,
    )
    post(
        "billing.pay_anew",
        to=addresses_of(subscription.organization_id),
        values={"product": subscription.product, "link": absolute_url(f"/my/subscriptions/{subscription.id}/pay")},
    )
