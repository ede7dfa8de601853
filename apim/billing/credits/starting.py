"""The beginning of credits: a subscription is in force with its first top-up, or with what its plan includes."""

from __future__ import annotations

from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import Standing, settle_subscription
from apim.audit.actor import Actor
from apim.billing.credits.counting import calm_moment
from apim.billing.credits.terms import hour_of
from apim.billing.models import CreditAccount
from apim.products.models import PlanVersion


def start_credits(
    subscription: Subscription, account: CreditAccount, version: PlanVersion, *, by: Actor
) -> Subscription:
    """The subscription, in force under the plan version; usage is drawn from now on. Within the account's lock."""
    now = timezone.now()
    account.started_at = account.started_at or calm_moment(subscription, now)
    account.currency = version.terms.currency
    account.save(update_fields=["started_at", "currency"])
    lifecycle = Subscription.Lifecycle.ACTIVE if subscription.lifecycle == Subscription.Lifecycle.PENDING else None
    return settle_subscription(
        subscription=subscription,
        standing=Standing(
            payment=Subscription.Payment.OK,
            lifecycle=lifecycle,
            anchor=hour_of(now),
            plan_version=version,
            is_out_of_credits=False,
        ),
        by=by,
    )
