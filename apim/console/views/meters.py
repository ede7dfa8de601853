"""Pages of meters: what they count, and how much they counted this month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext

from apim.accounts.services import actor_of
from apim.console.forms.meters import MeterForm, NewMeterForm
from apim.console.gate import publisher_page
from apim.console.pages import listing, page, posted
from apim.console.views.plans import DELEGATION_HINT, plan_editors
from apim.errors import Forbidden
from apim.products.models import Meter, PlanVersion
from apim.products.services import create_meter, update_meter
from apim.ui.forms import errors_on
from apim.usage.metering import counted_by
from apim.usage.periods import start_of

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def meter_list(request: ConsoleRequest) -> HttpResponse:
    """The meters that plans may charge by."""
    meters = Meter.objects.visible_to(request.user).select_related("organization")
    return page(
        request,
        "console/meters/list.html",
        rows=listing(request, meters.order_by("name")),
        can_add=plan_editors(request.user).exists(),
    )


@publisher_page
def meter_new(request: ConsoleRequest) -> HttpResponse:
    """A meter and its definition."""
    if not plan_editors(request.user).exists():
        raise Forbidden(
            "console.plans_not_delegated", gettext("Only admins define meters here."), hint=str(DELEGATION_HINT)
        )
    form = NewMeterForm(posted(request), user=request.user)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            names = {key: form.cleaned_data[key] for key in ("name", "display_name", "organization")}
            meter = create_meter(**names, definition=form.definition(), by=actor_of(request.user))
            messages.success(request, gettext("%(meter)s is there. Plans can charge by it.") % {"meter": meter})
            return redirect("console:meter", meter.name)
    return page(request, "console/meters/edit.html", form=form)


@publisher_page
def meter_page(request: ConsoleRequest, name: str) -> HttpResponse:
    """A meter: what it counts, how much it counted, which plans charge by it."""
    meter = get_object_or_404(Meter.objects.visible_to(request.user).select_related("organization"), name=name)
    now = timezone.now()
    today, month = start_of("day", now), start_of("month", now)
    return page(
        request,
        "console/meters/page.html",
        meter=meter,
        today=counted_by(meter.terms, since=today, until=now),
        month=counted_by(meter.terms, since=month, until=now),
        versions=_charging(meter),
        can_edit=_can_edit(request, meter),
    )


@publisher_page
def meter_edit(request: ConsoleRequest, name: str) -> HttpResponse:
    """A changed definition; what plans with prices charge by stays."""
    meter = get_object_or_404(Meter.objects.visible_to(request.user), name=name)
    if not _can_edit(request, meter):
        raise Forbidden(
            "console.plans_not_delegated", gettext("You may see this meter, not change it."), hint=str(DELEGATION_HINT)
        )
    initial = {"display_name": meter.display_name, **meter.terms.as_document(), "weights": meter.weights}
    form = MeterForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            changes = form.definition() | {"display_name": form.cleaned_data["display_name"]}
            update_meter(meter=meter, changes=changes, by=actor_of(request.user))
            messages.success(request, gettext("%(meter)s is changed.") % {"meter": meter})
            return redirect("console:meter", meter.name)
    return page(request, "console/meters/edit.html", form=form, meter=meter)


def _charging(meter: Meter) -> list[PlanVersion]:
    rows = PlanVersion.objects.exclude(pricing=None).filter(state=PlanVersion.State.ACTIVE).select_related("plan")
    return [row for row in rows if meter.name in row.terms.meters]


def _can_edit(request: ConsoleRequest, meter: Meter) -> bool:
    return Meter.objects.editable_by(request.user).filter(pk=meter.pk).exists()
