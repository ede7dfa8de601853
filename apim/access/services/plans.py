"""Changing a plan for those who already subscribed to it."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from apim.access import records
from apim.access.models import Subscription
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.errors import Conflict
from apim.products.models import Plan, PlanVersion
from apim.products.services import Terms, add_plan_version
from apim.products.services.plans import terms_of


@transaction.atomic
def revise_plan(*, plan: Plan, terms: Terms, by: Actor) -> PlanVersion:
    """The plan's version with these terms; its live subscriptions have it from now on unless the terms keep them.

    Plans without prices move their subscriptions at once, priced ones keep them (`migration.existing`): what somebody
    agreed to pay, asked for included, changes by migrate_subscriptions alone. So does, whatever the terms say, what is
    being paid for, and what is in force for nothing while the terms have prices: the payment must move first. Equal
    terms keep the version there is.
    Errors: those of products.services.add_plan_version.
    """
    Plan.objects.select_for_update().get(pk=plan.pk)  # whoever subscribes meanwhile waits, and gets the new version
    concerned = Subscription.objects.live().filter(Q(plan_version__plan=plan) | Q(requested_plan_version__plan=plan))
    # Locked before add_plan_version locks the environments: decisions on subscriptions take them in this order.
    ids = [each.id for each in concerned.select_for_update(of=("self",)).order_by("id")]
    version = add_plan_version(plan=plan, terms=terms, by=by)
    if not terms_of(version).moves_existing:
        return version
    locked = Subscription.objects.filter(id__in=ids)
    locked.filter(requested_plan_version__plan=plan).update(requested_plan_version=version)
    unpaid = locked.filter(plan_version__plan=plan, payment=Subscription.Payment.NONE)
    if version.is_priced:
        unpaid = unpaid.filter(lifecycle=Subscription.Lifecycle.PENDING)
    moving = list(unpaid.exclude(plan_version=version).values_list("id", flat=True))
    _move(moving, version, by)
    return version


@transaction.atomic
def migrate_subscriptions(*, version: PlanVersion, by: Actor, subscription_ids: Sequence[str]) -> list[str]:
    """The ids of the subscriptions that moved to the version: those live ones of its plan that were on an earlier one.

    Errors: Conflict access.plan_version_not_active for a version that is not in force.
    """
    plan = Plan.objects.select_for_update().get(pk=version.plan_id)
    version.refresh_from_db(fields=["state"])
    if version.state != PlanVersion.State.ACTIVE:
        hint = _("Subscriptions move to the version in force; save these terms again to make them that.")
        raise Conflict(
            "access.plan_version_not_active",
            _("%(version)s is not in force.") % {"version": version},
            hint=hint,
            field="version",
        )
    staying = Subscription.objects.live().filter(plan_version__plan=plan).exclude(plan_version=version)
    chosen = staying.filter(id__in=subscription_ids).select_for_update(of=("self",)).order_by("id")
    moving = [each.id for each in chosen]
    _move(moving, version, by)
    return moving


def _move(ids: Sequence[str], version: PlanVersion, by: Actor) -> None:
    moving = Subscription.objects.filter(id__in=ids)
    moving.update(plan_version=version)
    if ids:
        plan = version.plan
        after = {"plan": plan.name, "version": version.number, "subscriptions": len(ids)}
        record(
            by=by, action="plan.move_subscriptions", target=version, after=after, organization_id=plan.organization_id
        )
    records.emit(records.Affected(subscriptions=moving))
