"""Stripe's events: what came, what it led to, and applying again what could not be applied."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_POST

from apim.accounts.services import actor_of
from apim.billing.events import replay_event
from apim.billing.models import StripeEvent
from apim.billing.tasks import announce_event
from apim.console.gate import admin_page
from apim.console.pages import listing, page
from apim.ui.forms import errors_told

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_REPLAYED_AT_MOST = 500
_TITLES = {
    "": gettext_lazy("All"),
    "stored": gettext_lazy("Waiting"),
    "applied": gettext_lazy("Applied"),
    "dead": gettext_lazy("Dead letters"),
}


@admin_page
def event_list(request: ConsoleRequest) -> HttpResponse:
    """The events, newest first; ?state= and ?q= (a type, an id, an object) narrow them."""
    state, sought = request.GET.get("state", ""), request.GET.get("q", "").strip()
    events = StripeEvent.objects.defer("body")
    if sought:
        events = events.filter(Q(type__startswith=sought) | Q(id=sought) | Q(object_id=sought))
    counts = dict(events.order_by().values_list("state").annotate(Count("pk")))
    states = [
        (value, title, sum(counts.values()) if not value else counts.get(value, 0), _query(value, sought))
        for value, title in _TITLES.items()
    ]
    if state in StripeEvent.State.values:
        events = events.filter(state=state)
    return page(
        request,
        "console/admin/billing_events.html",
        rows=listing(request, events),
        states=states,
        state=state,
        q=sought,
        dead=counts.get("dead", 0),
    )


@admin_page
@require_POST
def replay(request: ConsoleRequest, event_id: str) -> HttpResponse:
    """An event that was put aside, applied again."""
    event = get_object_or_404(StripeEvent, pk=event_id)
    with errors_told(request), transaction.atomic():
        replay_event(event=event, by=actor_of(request.user))
        announce_event(event.id)
        messages.success(request, gettext("%(type)s is applied again in a moment.") % {"type": event.type})
    return redirect(f"{reverse('console:admin-billing-events')}?state=dead")


@admin_page
@require_POST
def replay_all(request: ConsoleRequest) -> HttpResponse:
    """Every event that was put aside, applied again."""
    with errors_told(request), transaction.atomic():
        events = list(
            StripeEvent.objects.filter(state=StripeEvent.State.DEAD).order_by("created_at")[:_REPLAYED_AT_MOST]
        )
        for event in events:
            replay_event(event=event, by=actor_of(request.user))
            announce_event(event.id)
        messages.success(request, gettext("%(count)s are applied again in a moment.") % {"count": len(events)})
    return redirect("console:admin-billing-events")


def _query(state: str, sought: str) -> str:
    return urlencode({name: value for name, value in (("state", state), ("q", sought)) if value})
