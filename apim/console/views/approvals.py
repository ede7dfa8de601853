"""The inbox: who asks for access or for another plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.urls import reverse

from apim.access.models import Subscription
from apim.access.services import approve_subscription, reject_subscription
from apim.console.forms.versions import ReasonForm
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, listing, page, posted

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

DECIDED_SHOWN = 20


@publisher_page
def approval_list(request: ConsoleRequest) -> HttpResponse:
    """What waits, the oldest first, and what was decided last."""
    decidable = Subscription.objects.decidable_by(request.user).with_names().prefetch_related("applications")
    return page(
        request,
        "console/approvals.html",
        rows=listing(request, decidable.awaiting_decision().order_by("created_at")),
        decided=decidable.exclude(decided_at=None).order_by("-decided_at")[:DECIDED_SHOWN],
    )


@publisher_page
def approval_approve(request: ConsoleRequest, subscription_id: str) -> HttpResponse:
    """Asks, then grants it."""
    row = _find(request, subscription_id)
    plan = row.requested_plan_version or row.plan_version
    confirmation = Confirmation(
        title=f"Give {row.organization} access to {row.product}?",
        consequences=(f"Their keys work within a second, on the plan {plan.plan}.", f"{row.requested_by} is told."),
        verb="Approve",
        back=reverse("console:approvals"),
        done=f"{row.organization} may call {row.product}.",
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _, by: approve_subscription(subscription=row, by=by))


@publisher_page
def approval_reject(request: ConsoleRequest, subscription_id: str) -> HttpResponse:
    """Asks why, then refuses it."""
    row = _find(request, subscription_id)
    confirmation = Confirmation(
        title=f"Refuse {row.organization} access to {row.product}?",
        consequences=(f"{row.requested_by} reads the reason. They can ask again.",),
        verb="Refuse",
        back=reverse("console:approvals"),
        done=f"The request of {row.organization} is refused.",
    )
    form = ReasonForm(posted(request))
    return confirm(request, confirmation, lambda data, by: reject_subscription(subscription=row, by=by, **data), form)


def _find(request: ConsoleRequest, subscription_id: str) -> Subscription:
    rows = Subscription.objects.decidable_by(request.user).with_names()
    row: Subscription = get_object_or_404(rows, pk=subscription_id)
    return row
