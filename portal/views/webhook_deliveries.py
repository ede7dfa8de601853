"""Deliveries of webhooks: one with its attempts, a test event, sending again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apim.accounts.services import actor_of
from apim.ui.forms import errors_told
from apim.webhooks.delivering import payload_of
from apim.webhooks.models import Delivery, Endpoint
from apim.webhooks.services import replay, replay_failed, send_test
from portal.forms.webhooks import ReplayForm
from portal.rendering import page
from portal.tenancy import PortalRequest, my_page

if TYPE_CHECKING:
    from django.http import HttpResponse

_ATTEMPTS_SHOWN = 50


@require_GET
@my_page
def show_delivery(request: PortalRequest, delivery_id: str) -> HttpResponse:
    """One delivery: what was sent, and what each attempt brought. It keeps itself fresh while it is on its way."""
    deliveries = Delivery.objects.visible_to(request.user).select_related("endpoint", "event")
    delivery = get_object_or_404(deliveries, id=delivery_id)
    context = {
        "section": "webhooks",
        "trail": [
            (_("Webhooks"), reverse("portal:webhooks")),
            (str(delivery.endpoint), reverse("portal:webhook", args=[delivery.endpoint_id])),
            (delivery.event.type, ""),
        ],
        "delivery": delivery,
        "body": payload_of(delivery.event).decode(),
        "tries": delivery.tries.all()[:_ATTEMPTS_SHOWN],
    }
    return page(request, "portal/webhook_delivery.html", context)


@require_POST
@my_page
def send_test_event(request: PortalRequest, endpoint_id: str) -> HttpResponse:
    """A test event, and the page on which it is seen to arrive."""
    endpoint = get_object_or_404(Endpoint.objects.editable_by(request.user), id=endpoint_id)
    with errors_told(request):
        return redirect("portal:webhook_delivery", send_test(endpoint=endpoint, by=actor_of(request.user)).id)
    return redirect("portal:webhook", endpoint.id)


@require_POST
@my_page
def replay_one(request: PortalRequest, delivery_id: str) -> HttpResponse:
    """The same event once more, under the same webhook-id."""
    deliveries = Delivery.objects.editable_by(request.user).select_related("endpoint")
    delivery = get_object_or_404(deliveries, id=delivery_id)
    with errors_told(request):
        replay(delivery=delivery, by=actor_of(request.user))
    return redirect("portal:webhook_delivery", delivery.id)


@require_POST
@my_page
def replay_all_failed(request: PortalRequest, endpoint_id: str) -> HttpResponse:
    """Everything that failed since the chosen moment, once more."""
    endpoint = get_object_or_404(Endpoint.objects.editable_by(request.user), id=endpoint_id)
    form = ReplayForm(request.POST)
    if form.is_valid():
        with errors_told(request):
            count = replay_failed(endpoint=endpoint, since=form.since(), by=actor_of(request.user))
            text = ngettext("%(count)s event is sent again.", "%(count)s events are sent again.", count)
            messages.success(request, text % {"count": count})
    return redirect("portal:webhook", endpoint.id)
