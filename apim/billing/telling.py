"""Telling Stripe what was decided here: a cancellation, or that it is taken back; ours follows what it then says."""

from __future__ import annotations

from apim.access.models import Subscription
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.connection import require_connection
from apim.billing.driver import DriverFailed, provider_failed
from apim.billing.metering import tell_last_usage
from apim.billing.models import BillingSubscription
from apim.billing.schedules import let_go
from apim.billing.standing import Unmatched, sync_subscription
from apim.billing.true_ups import true_up_last


def is_bought(subscription: Subscription) -> bool:
    """True when the subscription is billed by the provider, so that its end is told there."""
    return BillingSubscription.objects.filter(subscription=subscription).exclude(stripe_id="").exists()


def cancel_at_provider(*, subscription: Subscription, is_at_period_end: bool, by: Actor) -> None:
    """Tell Stripe that the subscription is cancelled; ours follows what it then says.

    Errors: billing.provider_failed; nothing has changed then.
    """
    mirror = BillingSubscription.objects.filter(subscription=subscription).exclude(stripe_id="").first()
    if mirror is None:
        return
    connection = require_connection()
    driver = connection.driver
    try:
        if not is_at_period_end:  # the last invoice is made at once
            tell_last_usage(connection, subscription.id)
            true_up_last(connection, subscription.id)
        let_go(connection, driver.find("subscription", mirror.stripe_id))  # no other plan comes after an end
        if is_at_period_end:
            driver.change("subscription", mirror.stripe_id, {"cancel_at_period_end": True})
        else:
            driver.act("subscription", mirror.stripe_id, "cancel", {"invoice_now": True, "prorate": False})
        sync_subscription(connection, mirror.stripe_id)
    except (DriverFailed, Unmatched) as failure:
        raise provider_failed(failure) from failure
    action = "billing.cancel_at_period_end" if is_at_period_end else "billing.cancel"
    record(by=by, action=action, target=mirror, organization_id=subscription.organization_id)


def resume_at_provider(*, subscription: Subscription, by: Actor) -> None:
    """Take the cancellation at the end of the period back. Errors: billing.provider_failed."""
    mirror = BillingSubscription.objects.filter(subscription=subscription).exclude(stripe_id="").first()
    if mirror is None:
        return
    connection = require_connection()
    try:
        connection.driver.change("subscription", mirror.stripe_id, {"cancel_at_period_end": False})
        sync_subscription(connection, mirror.stripe_id)
    except (DriverFailed, Unmatched) as failure:
        raise provider_failed(failure) from failure
    record(by=by, action="billing.resume", target=mirror, organization_id=subscription.organization_id)
