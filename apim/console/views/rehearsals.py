"""Rehearsals of plans: started by one button, followed step by step, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from apim.accounts.services import actor_of
from apim.billing.connection import mode_in_use
from apim.billing.models import Mode, Rehearsal
from apim.billing.rehearsing import cancel_rehearsal, obstacle_to_rehearsal, start_rehearsal
from apim.console.gate import publisher_page
from apim.console.pages import listing, page
from apim.console.rehearsed import TITLES
from apim.console.scope import plans_of
from apim.console.views.plans import find_plan_to_edit
from apim.products.models import Plan
from apim.ui.forms import errors_told

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.accounts.models import User
    from apim.console.gate import ConsoleRequest


@publisher_page
def rehearsal_list(request: ConsoleRequest) -> HttpResponse:
    """Every rehearsal of my plans."""
    rows = Rehearsal.objects.visible_to(request.user).select_related("plan", "plan_version", "product")
    return page(
        request, "console/rehearsals/list.html", rows=listing(request, rows), is_test_mode=mode_in_use() == Mode.TEST
    )


@publisher_page
def plan_rehearsals(request: ConsoleRequest, name: str) -> HttpResponse:
    """The rehearsals of a plan, and the button that starts one."""
    if request.method == "POST":
        plan = find_plan_to_edit(request.user, name)
        with errors_told(request):
            return redirect("console:rehearsal", start_rehearsal(plan=plan, by=actor_of(request.user)).id)
        return redirect("console:plan-rehearsals", name)
    plan = get_object_or_404(plans_of(request.user).select_related("organization"), name=name)
    rows = Rehearsal.objects.visible_to(request.user).filter(plan=plan)
    return page(
        request,
        "console/rehearsals/plan.html",
        plan=plan,
        rows=listing(request, rows.select_related("plan", "plan_version", "product")),
        obstacle=obstacle_to_rehearsal(plan.versions.filter(state="active").first()),
        is_test_mode=mode_in_use() == Mode.TEST,
        can_edit=_may_edit(request.user, plan),
        titles=tuple(TITLES.values()),
    )


@publisher_page
def rehearsal_page(request: ConsoleRequest, rehearsal_id: str) -> HttpResponse:
    """How far it is, and what Stripe, the ledger and the gateway said after each step."""
    rows = Rehearsal.objects.visible_to(request.user)
    rehearsal = get_object_or_404(
        rows.select_related("plan", "plan_version", "product", "environment"), pk=rehearsal_id
    )
    steps = list(rehearsal.steps.all())
    return page(
        request,
        "console/rehearsals/page.html",
        rehearsal=rehearsal,
        steps=[(step, TITLES.get(step.name, step.name)) for step in steps],
        ended=sum(step.state not in {"waiting", "running"} for step in steps),
        can_edit=_may_edit(request.user, rehearsal.plan),
    )


@publisher_page
@require_POST
def rehearsal_cancel(request: ConsoleRequest, rehearsal_id: str) -> HttpResponse:
    """It ends before its next step."""
    rehearsal = get_object_or_404(Rehearsal.objects.visible_to(request.user).select_related("plan"), pk=rehearsal_id)
    find_plan_to_edit(request.user, rehearsal.plan.name)
    with errors_told(request):
        cancel_rehearsal(rehearsal=rehearsal, by=actor_of(request.user))
    return redirect(reverse("console:rehearsal", args=(rehearsal_id,)))


def _may_edit(user: User, plan: Plan) -> bool:
    return Plan.objects.editable_by(user).filter(pk=plan.pk).exists()
