"""Environments beside the default one: making them, promoting from one to another, taking that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from apim.accounts.services import actor_of
from apim.console.forms.promotions import NewEnvironmentForm, PromotionForm
from apim.console.forms.versions import ReasonForm
from apim.console.gate import admin_page
from apim.console.pages import Confirmation, confirm, page, posted
from apim.console.replayed import replayed_promotion
from apim.console.views.jobs import to_job
from apim.gateways.environments import create_environment
from apim.gateways.models import Environment
from apim.platform.job_kinds import ITEMS_AT_ONCE, ask_for_promotion
from apim.platform.models import Promotion
from apim.platform.promotion import plan_promotion, promote, undo_promotion
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_HISTORY = 10


@admin_page
def environment_new(request: ConsoleRequest) -> HttpResponse:
    """A further place to run."""
    form = NewEnvironmentForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            made = create_environment(by=actor_of(request.user), **form.cleaned_data)
            messages.success(
                request, gettext("%(environment)s is made. Enroll a gateway for it.") % {"environment": made}
            )
            return redirect("console:admin-environments")
    return page(request, "console/admin/environment_new.html", form=form)


@admin_page
def promotion(request: ConsoleRequest, source: str, target: str) -> HttpResponse:
    """What one environment has and the other has not; the chosen part of it goes, in one transaction."""
    environments = Environment.objects.editable_by(request.user)
    here, there = get_object_or_404(environments, name=source), get_object_or_404(environments, name=target)
    plan = plan_promotion(here, there)
    form = PromotionForm(posted(request), initial={"digest": plan.digest})
    chosen = set(request.POST.getlist("items")) if request.method == "POST" else {each.id for each in plan.possible}
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            if len(chosen) > ITEMS_AT_ONCE:
                return to_job(
                    ask_for_promotion(
                        source=here, target=there, items=chosen, by=actor_of(request.user), user=request.user,
                        page=request.path, **form.cleaned_data,
                    )
                )  # fmt: skip
            made = promote(source=here, target=there, by=actor_of(request.user), items=chosen, **form.cleaned_data)
            text = ngettext("%(count)d change went to %(target)s.", "%(count)d changes went to %(target)s.",
                            len(made.items))  # fmt: skip
            messages.success(request, text % {"count": len(made.items), "target": there})
            return redirect(request.path)
    history = Promotion.objects.visible_to(request.user).filter(target=there).select_related("source", "undone_by")
    return page(
        request,
        "console/admin/promotion.html",
        plan=plan,
        form=form,
        chosen=chosen,
        replayed=replayed_promotion(plan),
        others=environments.exclude(pk=here.pk),
        history=history[:_HISTORY],
    )


@admin_page
def promotion_undo(request: ConsoleRequest, promotion_id: str) -> HttpResponse:
    """Asks, then gives the target back what it had."""
    made = get_object_or_404(
        Promotion.objects.visible_to(request.user).select_related("source", "target"), pk=promotion_id
    )
    count = len(made.items)
    text = ngettext(
        "%(count)d change is taken back in %(target)s, all or nothing.",
        "%(count)d changes are taken back in %(target)s, all or nothing.",
        count,
    )
    confirmation = Confirmation(
        title=gettext("Take back what went from %(source)s to %(target)s?")
        % {"source": made.source, "target": made.target},
        consequences=(
            text % {"count": count, "target": made.target},
            gettext("What was new there is gone for callers within seconds."),
        ),
        verb=gettext("Take it back"),
        back=reverse("console:admin-promote", args=[made.source.name, made.target.name]),
        done=gettext("It is taken back."),
    )
    form = ReasonForm(posted(request))
    return confirm(request, confirmation, lambda data, by: undo_promotion(promotion=made, by=by, **data), form)
