"""Finishing changes of plan that were left on the way, where Stripe is asked more than once.

What charges nothing is gone on with, for it was agreed to. What is charged is one request to Stripe: either it was
made, then it is in force, or it was not, then another press makes it.
"""

from __future__ import annotations

import logging

from apim.access.models import Subscription
from apim.billing.connection import Connection
from apim.billing.driver import DriverFailed
from apim.billing.models import BillingSubscription
from apim.billing.standing import BILLING, Unmatched, sync_subscription
from apim.billing.switch_claims import LeftSwitch, drop_left, keep_left, left_switches
from apim.billing.switching import find_change, plan_switch, switch_plan
from apim.errors import DomainError
from apim.products.models import Plan

logger = logging.getLogger(__name__)


def finish_switches(connection: Connection) -> int:
    """How many changes that were left on the way are told to Stripe now."""
    done = 0
    for left in left_switches(connection.mode):
        subscription_id = left.subscription_id
        try:
            done += _finish(connection, left)
        except (DriverFailed, Unmatched) as fault:
            logger.warning("the change of %s is finished later: %s", subscription_id, fault)
            continue
        except DomainError as refused:
            if refused.code == "billing.provider_failed":
                logger.warning("the change of %s is finished later: %s", subscription_id, refused)
                keep_left(subscription_id)
                continue
            logger.info("the change of %s is not made any more: %s", subscription_id, refused)
        drop_left(left)
    return done


def _finish(connection: Connection, left: LeftSwitch) -> bool:
    """True when Stripe was told. Errors: DriverFailed; Unmatched; those of switch_plan."""
    sync_subscription(connection, BillingSubscription.objects.get(pk=left.subscription_id).stripe_id)
    subscription = Subscription.objects.get(pk=left.subscription_id)
    plan, coming = Plan.objects.filter(pk=left.plan_id).first(), find_change(subscription)
    if plan is None:  # a change was being taken back: the page shows which one there is
        return False
    if coming is not None and coming.to_version.plan_id == plan.pk:
        return False
    if plan_switch(connection, subscription, plan).is_charged:
        return False
    switch_plan(subscription=subscription, plan=plan, by=BILLING)
    return True
