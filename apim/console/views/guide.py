"""Steps three to five of the guided way: product and plan, then, after the publication, the line to the gateways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.accounts.permissions import is_admin
from apim.accounts.services import actor_of
from apim.billing.connection import is_connected
from apim.console.convergence import fleet_of
from apim.console.forms.guide import OfferForm
from apim.console.gate import publisher_page
from apim.console.guide import guide_of
from apim.console.offers import offer_version
from apim.console.pages import page, posted
from apim.console.scope import find_place, find_version_to_edit
from apim.gateways.models import Gateway
from apim.products.models import Product
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpResponse

    from apim.accounts.models import User
    from apim.catalog.models import APIVersion, Deployment
    from apim.console.convergence import GatewayView
    from apim.console.gate import ConsoleRequest

LATER_S: Final = 120.0  # a worker that applied something so much later has applied another publication


@publisher_page
def version_offer(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """A product for the version, and a plan from a template; what offers it already is shown first."""
    row = find_version_to_edit(request.user, api, version)
    may_make_plans = _may_make_plans(request.user, row)
    form = OfferForm(posted(request), user=request.user, version=row, may_make_plans=may_make_plans)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            product = offer_version(
                version=row, chosen=form.cleaned_data, may_make_plans=may_make_plans, by=actor_of(request.user)
            )
            messages.success(
                request, _("%(product)s offers %(version)s.") % {"product": product.display_name, "version": row}
            )
            return redirect("console:version-publish", api, version)
    products = Product.objects.filter(items__version=row, archived_at=None).distinct().prefetch_related("plans")
    return page(
        request,
        "console/guide/offer.html",
        api=row.api,
        version=row,
        form=form,
        can_edit=True,
        products=products,
        guide=guide_of(row, current="version-offer"),
        cards=_cards(form),
        is_connected=is_connected(),
    )


@publisher_page
def version_live(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """How far the last publication has come: each gateway's workers, and after how many seconds."""
    place = find_place(request.user, api, version)
    deployments = list(place.version.deployments.select_related("environment", "revision"))
    gateways = Gateway.objects.visible_to(request.user).filter(
        environment__in=[each.environment for each in deployments]
    )
    fleet = fleet_of(list(gateways.select_related("environment").prefetch_related("workers")), timezone.now())
    lines = [line for each in deployments for line in _lines(each, fleet)]
    template = "console/guide/_lines.html" if request.headers.get("HX-Request") else "console/guide/live.html"
    return page(
        request,
        template,
        api=place.api,
        version=place.version,
        can_edit=place.can_edit,
        guide=guide_of(place.version, current="version-live"),
        deployments=deployments,
        lines=lines,
        is_arrived=bool(lines) and all(line["is_done"] for line in lines),
    )


def _lines(deployment: Deployment, fleet: list[GatewayView]) -> list[dict[str, object]]:
    environment = deployment.environment
    is_sent = environment.published_revision >= environment.revision
    return [
        {
            "gateway": view.gateway,
            "environment": environment,
            "revision": deployment.revision.number,
            "current": view.current if is_sent else 0,
            "workers": len(view.workers),
            "is_silent": view.is_silent,
            "is_sent": is_sent,
            "is_done": is_sent and view.is_converged,
            "refusals": [each.worker for each in view.workers if each.state == "refused"],
            "after_s": _seconds(deployment.deployed_at, view) if is_sent and view.is_converged else None,
        }
        for view in fleet
        if view.gateway.environment_id == environment.pk
    ]


def _seconds(since: datetime, view: GatewayView) -> float | None:
    """From the publication to the last worker that applied it; None when what they applied last is a later one."""
    applied = [each.worker.applied_at for each in view.workers if each.worker.applied_at is not None]
    last = max(applied, default=None)
    took = (last - since).total_seconds() if last is not None and last >= since else None
    return took if took is not None and took <= LATER_S else None


def _cards(form: OfferForm) -> list[tuple[object, object, object]]:
    """(radio button, title, text) of each template the person may choose."""
    texts = {value: text for value, _label, text in form.TEMPLATES}
    return [
        (radio, radio.choice_label, texts.get(str(radio.data["value"]), _("With the limits and prices that it has.")))
        for radio in form["template"]
    ]


def _may_make_plans(user: User, version: APIVersion) -> bool:
    return is_admin(user) or version.api.organization.owners_edit_plans
