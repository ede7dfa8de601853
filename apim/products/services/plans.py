"""Plans and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.services import record, state_of
from apim.errors import Conflict
from apim.gateways.models import Environment
from apim.gateways.services import touch
from apim.products.limits import Terms, checked_terms
from apim.products.models import Plan, PlanVersion
from apim.products.services.ceilings import granted_terms
from apim.products.services.meters import require_meters
from apim.validation import require_clean, require_known

State = PlanVersion.State


@transaction.atomic
def create_plan(
    *,
    organization: Organization,
    name: str,
    terms: Terms,
    by: Actor,
    display_name: str = "",
    description: str = "",
    visibility: str = Plan.Visibility.PUBLIC,
    offered_to: Sequence[Organization] = (),
) -> Plan:
    """A new plan, its first version active.

    Errors: products.name_taken, products.above_ceiling, products.no_meter, those of checked_terms.
    """
    plan = Plan(
        organization=organization,
        name=name,
        display_name=display_name or name,
        description=description,
        visibility=visibility,
    )
    require_clean(plan, prefix="products")
    plan.save()
    plan.offered_to.set(offered_to)
    record(by=by, action="plan.create", target=plan, after=_state_of_plan(plan))
    add_plan_version(plan=plan, terms=terms, by=by)
    return plan


@transaction.atomic
def add_plan_version(*, plan: Plan, terms: Terms, by: Actor) -> PlanVersion:
    """The next version of the plan, active from now on; the active one when its terms are equal.

    Subscriptions stay on the version they have; moving them is the caller's decision.
    Errors: Conflict products.plan_archived; products.above_ceiling, products.no_meter, those of checked_terms.
    """
    _lock(plan)  # one number after the other
    if plan.archived_at:
        raise Conflict(
            "products.plan_archived", _("%(plan)s is archived.") % {"plan": plan}, hint=_("Restore it first.")
        )
    terms = granted_terms(checked_terms(terms), plan.organization)
    last = plan.versions.first()
    active = active_version(plan)
    if active is not None and terms_of(active) == terms:
        return active
    require_meters(terms, plan.organization)
    before = state_of(active) if active else None
    plan.versions.filter(state=State.ACTIVE).update(state=State.ARCHIVED)
    version = PlanVersion(
        plan=plan,
        number=last.number + 1 if last else 1,
        approval=terms.approval,
        rate=dict(terms.rate) if terms.rate is not None else None,
        quotas=list(terms.quotas),
        timezone=terms.timezone,
        pricing=terms.pricing,
        weights=dict(terms.weights),
        when_unconfirmed=terms.when_unconfirmed,
        when_unrecorded=terms.when_unrecorded,
        created_by=by.label,
    )
    version.save()
    record(
        by=by,
        action="plan.add_version",
        target=version,
        before=before,
        after=state_of(version),
        organization_id=plan.organization_id,
    )
    touch(Environment.objects.values_list("id", flat=True))
    return version


@transaction.atomic
def update_plan(*, plan: Plan, changes: Mapping[str, Any], by: Actor) -> Plan:
    """The plan with its words changed, or who may choose it: `visibility`, and `offered_to` as the whole list.

    What it grants changes by add_plan_version; its name is what products say.
    """
    known = {"display_name", "description", "visibility", "offered_to"}
    require_known(changes, known, prefix="products", noun="A plan")
    _lock(plan)
    return _save(plan, changes, by, "plan.update")


@transaction.atomic
def archive_plan(*, plan: Plan, by: Actor) -> Plan:
    """The plan off every product's offer; who subscribed by it keeps it."""
    _lock(plan)
    return plan if plan.archived_at else _save(plan, {"archived_at": timezone.now()}, by, "plan.archive")


@transaction.atomic
def restore_plan(*, plan: Plan, by: Actor) -> Plan:
    """The archived plan on offer again, where it was."""
    _lock(plan)
    return _save(plan, {"archived_at": None}, by, "plan.restore")


def terms_of(version: PlanVersion) -> Terms:
    """What a plan version grants."""
    return Terms(
        approval=version.approval,
        rate=version.rate,
        quotas=version.quotas,
        timezone=version.timezone,
        pricing=version.pricing,
        weights=version.weights,
        when_unconfirmed=version.when_unconfirmed,
        when_unrecorded=version.when_unrecorded,
    )


def active_version(plan: Plan) -> PlanVersion | None:
    """The version that new subscriptions get."""
    return plan.versions.filter(state=State.ACTIVE).first()


def _lock(plan: Plan) -> None:
    """Hold the plan until the commit, as it is now: what was done since it was read must not be undone."""
    plan.refresh_from_db(from_queryset=Plan.objects.select_for_update())


def _save(plan: Plan, changes: Mapping[str, Any], by: Actor, action: str) -> Plan:
    before = _state_of_plan(plan)
    for name in changes.keys() - {"offered_to"}:
        setattr(plan, name, changes[name])
    require_clean(plan, prefix="products")
    if "offered_to" in changes:
        plan.offered_to.set(changes["offered_to"])
    after = _state_of_plan(plan)
    if before == after:
        return plan
    plan.save()
    record(by=by, action=action, target=plan, before=before, after=after)
    return plan


def _state_of_plan(plan: Plan) -> dict[str, Any]:
    """The plan with whom it is offered to, as the audit log keeps it."""
    return state_of(plan) | {"offered_to": sorted(plan.offered_to.values_list("name", flat=True))}
