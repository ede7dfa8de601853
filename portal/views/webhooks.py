"""Webhooks of the organization acted for: endpoints, made, changed, rolled, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apim.accounts.services import actor_of, register_developer
from apim.ui.forms import errors_on, errors_told
from apim.webhooks.constants import PAUSES
from apim.webhooks.events import TYPES
from apim.webhooks.models import Delivery, Endpoint
from apim.webhooks.services import create_endpoint, delete_endpoint, roll_secret, update_endpoint
from portal.forms.webhooks import EndpointForm, ReplayForm, RollSecretForm
from portal.rendering import Confirmation, confirm, page, posted
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

_DELIVERIES_A_PAGE = 25


@require_GET
@my_page
def list_endpoints(request: PortalRequest) -> HttpResponse:
    """The endpoints of the organization, with how they fare."""
    failed, waiting = (Q(deliveries__state=state) for state in (Delivery.State.FAILED, Delivery.State.PENDING))
    endpoints = (
        Endpoint.objects.visible_to(request.user)
        .filter(organization=request.tenancy.organization)
        .annotate(failed=Count("deliveries", filter=failed), waiting=Count("deliveries", filter=waiting))
    )
    return page(request, "portal/webhooks.html", {"section": "webhooks", "endpoints": endpoints})


@require_http_methods(["GET", "POST"])
@my_page
def add_endpoint(request: PortalRequest) -> HttpResponse:
    """A new endpoint; its secret is in the answer to this very request and nowhere else."""
    form = EndpointForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            organization = request.tenancy.organization or register_developer(request.user)
            issued = create_endpoint(organization=organization, by=actor_of(request.user), **form.cleaned_data)
            return page(request, "portal/webhook_secret.html", {"endpoint": issued.endpoint, "secret": issued.secret})
    context = {
        "section": "webhooks",
        "trail": [(_("Webhooks"), reverse("portal:webhooks")), (_("New endpoint"), "")],
        "form": form,
        "title": _("New endpoint"),
        "verb": _("Create the endpoint"),
        "back": reverse("portal:webhooks"),
    }
    return page(request, "portal/form.html", context)


@require_GET
@my_page
def show_endpoint(request: PortalRequest, endpoint_id: str) -> HttpResponse:
    """One endpoint and its deliveries, a page at a time, narrowed to a state."""
    endpoint = _endpoint(request, endpoint_id)
    state = request.GET.get("state", "")
    deliveries = endpoint.deliveries.select_related("event")
    if state in Delivery.State.values:
        deliveries = deliveries.filter(state=state)
    context = {
        "section": "webhooks",
        "trail": [(_("Webhooks"), reverse("portal:webhooks")), (str(endpoint), "")],
        "endpoint": endpoint,
        "types": [(name, TYPES[name]) for name in endpoint.event_types if name in TYPES],
        "state": state if state in Delivery.State.values else "",
        "states": (
            ("", _("All")),
            (Delivery.State.PENDING, _("On their way")),
            (Delivery.State.DELIVERED, _("Delivered")),
            (Delivery.State.FAILED, _("Failed")),
        ),
        "rows": Paginator(deliveries, _DELIVERIES_A_PAGE).get_page(request.GET.get("page")),
        "replay_form": ReplayForm(),
        "is_rolling": endpoint.previous_until is not None and endpoint.previous_until > timezone.now(),
        "most_attempts": len(PAUSES) + 1,
    }
    return page(request, "portal/webhook.html", context)


@require_http_methods(["GET", "POST"])
@my_page
def edit_endpoint(request: PortalRequest, endpoint_id: str) -> HttpResponse:
    """Another URL, name or choice of events."""
    endpoint = _endpoint(request, endpoint_id)
    initial = {name: getattr(endpoint, name) for name in ("url", "description", "event_types")}
    form = EndpointForm(posted(request), initial=initial)
    back = reverse("portal:webhook", args=[endpoint.id])
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            update_endpoint(endpoint=endpoint, changes=form.cleaned_data, by=actor_of(request.user))
            messages.success(request, _("The endpoint is saved."))
            return redirect(back)
    title = _("Change %(name)s") % {"name": endpoint}
    context = {"section": "webhooks", "form": form, "title": title, "verb": _("Save"), "back": back}
    return page(request, "portal/form.html", context)


@require_POST
@my_page
def switch_endpoint(request: PortalRequest, endpoint_id: str) -> HttpResponse:
    """On when it is off, off when it is on."""
    endpoint = _endpoint(request, endpoint_id)
    is_wanted = request.POST.get("on") == "1"
    with errors_told(request):
        update_endpoint(endpoint=endpoint, changes={"is_enabled": is_wanted}, by=actor_of(request.user))
        on, off = _("The endpoint is switched on."), _("The endpoint is switched off: nothing is sent to it.")
        messages.success(request, on if is_wanted else off)
    return redirect("portal:webhook", endpoint.id)


@require_http_methods(["GET", "POST"])
@my_page
def roll(request: PortalRequest, endpoint_id: str) -> HttpResponse:
    """A new secret, shown in the answer to this very request."""
    endpoint = _endpoint(request, endpoint_id)
    form = RollSecretForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            overlap_s = form.cleaned_data["overlap_s"]
            issued = roll_secret(endpoint=endpoint, overlap_s=overlap_s, by=actor_of(request.user))
            context = {"endpoint": issued.endpoint, "secret": issued.secret, "is_rolled": True}
            return page(request, "portal/webhook_secret.html", context)
    confirmation = Confirmation(
        title=_("Roll the secret of %(name)s?") % {"name": endpoint},
        consequences=(
            _("You get a new secret, shown once. During the overlap each event carries a signature of either."),
        ),
        verb=_("Roll the secret"),
        back=reverse("portal:webhook", args=[endpoint.id]),
        done="",
        verb_class="button--primary",
    )
    return page(request, "portal/confirm.html", {"confirmation": confirmation, "form": form})


@require_http_methods(["GET", "POST"])
@my_page
def remove_endpoint(request: PortalRequest, endpoint_id: str) -> HttpResponse:
    """Forgets an endpoint after saying what goes with it."""
    endpoint = _endpoint(request, endpoint_id)
    confirmation = Confirmation(
        title=_("Delete %(name)s?") % {"name": endpoint},
        consequences=(
            _("Nothing is sent to it any more, and its deliveries and secret are gone. This cannot be undone."),
        ),
        verb=_("Delete the endpoint"),
        back=reverse("portal:webhook", args=[endpoint.id]),
        done=_("%(name)s is deleted.") % {"name": endpoint},
        goes_to=reverse("portal:webhooks"),
    )
    return confirm(request, confirmation, lambda _cleaned, by: delete_endpoint(endpoint=endpoint, by=by))


def _endpoint(request: PortalRequest, endpoint_id: str) -> Endpoint:
    endpoints = Endpoint.objects.editable_by(request.user).select_related("organization")
    return get_object_or_404(endpoints, id=endpoint_id)
