"""Starting: a rehearsal is asked for, one at a time a plan, and taken back."""

from __future__ import annotations

from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apim import broker
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.catalogue import obstacle_to_sale
from apim.billing.connection import require_connection
from apim.billing.models import Mode, Rehearsal, RehearsalStep
from apim.errors import Conflict
from apim.gateways.services import default_environment
from apim.products.models import Plan, PlanVersion, Product

TASK: Final = "apim.billing.tasks.rehearse"
STEPS: Final = (
    "waiting",
    "trial",
    "paid",
    "usage",
    "overage",
    "failed-card",
    "grace",
    "restricted",
    "suspended",
    "recovered",
    "refunded",
)


def obstacle_to_rehearsal(version: PlanVersion | None) -> str:
    """Why a plan cannot be rehearsed as it is; "" when it can. Asks nobody."""
    if version is None or not version.is_priced:
        return _("It costs nothing, so there is nothing to rehearse.")
    if version.terms.prepaid is not None:
        return _("It is prepaid: a rehearsal walks through a subscription that Stripe bills, and credits are none.")
    return obstacle_to_sale(version)


@transaction.atomic
def start_rehearsal(*, plan: Plan, by: Actor) -> Rehearsal:
    """The rehearsal, which a worker walks through step by step.

    Errors: billing.not_connected, billing.rehearsal_live, billing.rehearsal_impossible, billing.rehearsal_running.
    """
    if require_connection().mode != Mode.TEST:
        raise Conflict(
            "billing.rehearsal_live",
            _("Rehearsals move time and break cards: they run in test mode only."),
            hint=_("Connect Stripe with a test key, on this installation or on another one."),
        )
    version = plan.versions.filter(state=PlanVersion.State.ACTIVE).first()
    product = Product.objects.active().filter(plans=plan).order_by("name").first()
    why = obstacle_to_rehearsal(version) or ("" if product else _("No product offers it yet."))
    if version is None or product is None or why:
        raise Conflict(
            "billing.rehearsal_impossible",
            _("%(plan)s cannot be rehearsed: %(why)s") % {"plan": plan, "why": why},
            hint=_("Mend the plan, then rehearse it."),
        )
    rehearsal = Rehearsal(
        plan=plan, plan_version=version, product=product, environment=default_environment(), requested_by=by.label
    )
    try:
        with transaction.atomic():
            rehearsal.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(
            "billing.rehearsal_running",
            _("A rehearsal of %(plan)s is running already.") % {"plan": plan},
            hint=_("Wait until it has ended, or cancel it."),
        ) from error
    RehearsalStep.objects.bulk_create(
        RehearsalStep(rehearsal=rehearsal, number=number, name=name) for number, name in enumerate(STEPS, 1)
    )
    record(
        by=by,
        action="billing.rehearse",
        target=rehearsal,
        after={"plan": plan.name, "version": version.number},
        organization_id=plan.organization_id,
    )
    announce(rehearsal.id)
    return rehearsal


@transaction.atomic
def cancel_rehearsal(*, rehearsal: Rehearsal, by: Actor) -> Rehearsal:
    """The rehearsal, which ends before its next step; what it made is removed. Errors: billing.rehearsal_over."""
    rehearsal = Rehearsal.objects.select_for_update(of=("self",)).select_related("plan").get(pk=rehearsal.pk)
    if not rehearsal.is_running:
        raise Conflict("billing.rehearsal_over", _("This rehearsal has ended."), hint=_("Reload the page."))
    if not rehearsal.is_cancel_wanted:
        rehearsal.is_cancel_wanted = True
        rehearsal.save(update_fields=["is_cancel_wanted"])
        record(
            by=by, action="billing.cancel_rehearsal", target=rehearsal, organization_id=rehearsal.plan.organization_id
        )
        announce(rehearsal.id)
    return rehearsal


def announce(rehearsal_id: str) -> None:
    """Have the next step taken on commit; without a broker the periodic task finds it."""
    transaction.on_commit(lambda: broker.announce(TASK, (rehearsal_id,)))
