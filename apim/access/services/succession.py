"""Succession: a subscription that ends, and another one that goes on in its place at the same moment."""

from __future__ import annotations

from django.db import transaction

from apim.access.models import Subscription
from apim.access.services.decisions import end_subscription
from apim.access.services.subscriptions import emit_subscription
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.products.models import PlanVersion


@transaction.atomic
def follow_with_plan(*, subscription: Subscription, version: PlanVersion, by: Actor) -> Subscription:
    """The subscription that goes on with the plan version, for the same applications and keys; the other one is over.

    Gateways are told of both at once, so no call falls between them. Errors: those of end_subscription.
    """
    ended = end_subscription(subscription=subscription, by=by, reason=f"It goes on with the plan {version.plan}.")
    applications = list(ended.applications.all())  # under its lock: one may have gone to another organization
    following = Subscription(
        organization_id=ended.organization_id,
        product_id=ended.product_id,
        environment_id=ended.environment_id,
        plan_version=version,
        lifecycle=Subscription.Lifecycle.ACTIVE,
        name=ended.name,
        requested_by=by.label,
    )
    following.save(force_insert=True)
    following.applications.set(applications)
    after = state_of(following) | {"instead_of": ended.id}
    record(by=by, action="subscription.create", target=following, after=after)
    emit_subscription(following)
    return following
