"""Moving subscribers to another version of their plan, at Stripe first where Stripe bills them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from apim.access.models import Subscription
from apim.access.services import migrate_subscriptions
from apim.audit.actor import Actor
from apim.billing.catalogue import check_sellable
from apim.billing.connection import Connection, is_connected, require_connection
from apim.billing.driver import DriverFailed
from apim.billing.items import changed_items
from apim.billing.models import BillingSubscription
from apim.billing.standing import OUR_VERSION, Unmatched, sync_subscription
from apim.products.models import PlanVersion

logger = logging.getLogger(__name__)


class Moved(NamedTuple):
    """Who moved, and who could not. Shapes: ids of subscriptions; failed tells why."""

    moved: list[str]
    failed: Mapping[str, str]


def move_subscriptions(*, version: PlanVersion, by: Actor, subscription_ids: Sequence[str]) -> Moved:
    """The subscriptions on the version: what Stripe bills it bills by the new prices from the next invoice on.

    Nothing of the begun period is given back or asked for. One that Stripe does not change keeps what it has.
    Errors: those of migrate_subscriptions; billing.not_sellable when Stripe bills some and cannot bill the version.
    """
    mirrors = BillingSubscription.objects.filter(subscription__in=subscription_ids).exclude(stripe_id="")
    staying = mirrors.exclude(subscription__plan_version=version).select_related(
        "subscription__product", "subscription__plan_version"
    )
    billed = list(staying.order_by("subscription_id"))
    failed: dict[str, str] = {}
    if billed:
        if version.is_priced:
            check_sellable(version)
        connection = require_connection()
        for mirror in billed:
            if why := _change(connection, mirror, version):
                failed[mirror.subscription_id] = why
    failed |= _unpaid(version, subscription_ids)
    able = [each for each in subscription_ids if each not in failed]
    told = {each.subscription_id for each in billed} - failed.keys()
    moved = set(migrate_subscriptions(version=version, by=by, subscription_ids=able)) | told
    return Moved([each for each in subscription_ids if each in moved], failed)


def _unpaid(version: PlanVersion, subscription_ids: Sequence[str]) -> dict[str, str]:
    """Those in force that Stripe does not bill though it bills here: they would be granted what nobody pays."""
    if not version.is_priced or not is_connected():
        return {}
    free = Subscription.objects.filter(id__in=subscription_ids, payment=Subscription.Payment.NONE)
    free = free.exclude(lifecycle=Subscription.Lifecycle.PENDING).exclude(plan_version=version)
    return dict.fromkeys(
        free.values_list("id", flat=True), "It costs nothing now; the new one would be paid by nobody."
    )


def _change(connection: Connection, mirror: BillingSubscription, version: PlanVersion) -> str:
    """Why Stripe did not take the version's prices; "" when it did."""
    if not version.is_priced:
        return "It is paid at Stripe and the new version is free: cancel it there first."
    before, after = mirror.subscription.plan_version.terms.interval, version.terms.interval
    if before != after:
        return f"It is paid by the {before}, the new version by the {after}: Stripe would charge it at once."
    try:
        found = connection.driver.find("subscription", mirror.stripe_id)
        params = {
            "items": changed_items(connection, mirror.subscription.product, version, found),
            "proration_behavior": "none",
            "metadata": {OUR_VERSION: version.id},
        }
        connection.driver.change("subscription", mirror.stripe_id, params)
        sync_subscription(connection, mirror.stripe_id)
    except (DriverFailed, Unmatched) as failure:
        logger.warning("subscription %s stays on its version: %s", mirror.subscription_id, failure)
        return f"Stripe says: {failure}"
    return ""
