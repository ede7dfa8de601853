"""The inbox: who asks for access or for another plan."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext as _

from apim.access.models import Subscription
from apim.access.one_click import open_link
from apim.access.services import approve_subscription, reject_subscription
from apim.access.waiting import REMINDED_AFTER, median_answer
from apim.accounts.services import actor_of
from apim.console.forms.versions import ReasonForm, RefusalForm
from apim.console.gate import publisher_page
from apim.console.pages import Confirmation, confirm, listing, page, posted
from apim.ui.forms import errors_on, errors_told

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from apim.audit.actor import Actor
    from apim.console.gate import ConsoleRequest

DECIDED_SHOWN = 20
BULK_AT_MOST = 50


@publisher_page
def approval_list(request: ConsoleRequest) -> HttpResponse:
    """What waits, the oldest first, and what was decided last."""
    decidable = Subscription.objects.decidable_by(request.user).with_names().prefetch_related("applications")
    return page(
        request,
        "console/approvals.html",
        rows=listing(request, decidable.awaiting_decision().order_by("created_at")),
        median=median_answer(Subscription.objects.decidable_by(request.user)),
        late_before=timezone.now() - REMINDED_AFTER,
        decided=decidable.exclude(decided_at=None).order_by("-decided_at")[:DECIDED_SHOWN],
    )


@publisher_page
def approval_approve(request: ConsoleRequest, subscription_id: str) -> HttpResponse:
    """Asks, then grants it."""
    row = _find(request, subscription_id)
    plan = row.requested_plan_version or row.plan_version
    confirmation = Confirmation(
        title=gettext("Give %(organization)s access to %(product)s?")
        % {"organization": row.organization, "product": row.product},
        consequences=(
            gettext("Their keys work within a second, on the plan %(plan)s.") % {"plan": plan.plan},
            gettext("%(requested_by)s is told.") % {"requested_by": row.requested_by},
        ),
        verb=gettext("Approve"),
        back=reverse("console:approvals"),
        done=gettext("%(organization)s may call %(product)s.")
        % {"organization": row.organization, "product": row.product},
        is_danger=False,
    )
    return confirm(request, confirmation, lambda _data, by: approve_subscription(subscription=row, by=by))


@publisher_page
def approval_reject(request: ConsoleRequest, subscription_id: str) -> HttpResponse:
    """Asks why, then refuses it."""
    row = _find(request, subscription_id)
    confirmation = Confirmation(
        title=gettext("Refuse %(organization)s access to %(product)s?")
        % {"organization": row.organization, "product": row.product},
        consequences=(
            gettext("%(requested_by)s reads the reason. They can ask again.") % {"requested_by": row.requested_by},
        ),
        verb=gettext("Refuse"),
        back=reverse("console:approvals"),
        done=gettext("The request of %(organization)s is refused.") % {"organization": row.organization},
    )
    form = ReasonForm(posted(request))
    return confirm(request, confirmation, lambda data, by: reject_subscription(subscription=row, by=by, **data), form)


@publisher_page
def approval_bulk(request: ConsoleRequest) -> HttpResponse:
    """Asks once for several, then grants each; what could not be granted is told and the others are."""
    ids = request.GET.getlist("id")[:BULK_AT_MOST]
    waiting = Subscription.objects.decidable_by(request.user).awaiting_decision().with_names()
    rows = list(waiting.filter(pk__in=ids).order_by("created_at"))
    count = len(rows)
    confirmation = Confirmation(
        title=ngettext("Approve %(count)s request?", "Approve %(count)s requests?", count) % {"count": count}
        if count
        else _("This cannot be done"),
        consequences=tuple(
            _("%(organization)s may call %(product)s on the plan %(plan)s.")
            % {
                "organization": row.organization,
                "product": row.product,
                "plan": (row.requested_plan_version or row.plan_version).plan,
            }
            for row in rows
        )
        or (_("Nothing that you chose waits any more."),),
        verb=ngettext("Approve %(count)s", "Approve %(count)s", count) % {"count": count} if count else "",
        back=reverse("console:approvals"),
        done=_("Decided."),
        is_danger=False,
    )

    def act(_data: dict[str, Any], by: Actor) -> None:
        for row in rows:
            with errors_told(request):
                approve_subscription(subscription=row, by=by)

    return confirm(request, confirmation, act)


def approval_by_mail(request: HttpRequest, link: str) -> HttpResponse:
    """The page that a mail leads to: what is asked, and two buttons. Only a button decides; 404 once it is over."""
    invited = open_link(link)
    if invited is None:
        return render(request, "console/approval_by_mail_gone.html", status=HTTPStatus.NOT_FOUND)
    row, by = invited.subscription, actor_of(invited.user)
    form = RefusalForm(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        with errors_on(form):
            if "approve" in request.POST:
                approve_subscription(subscription=row, by=by)
                return _decided(request, row, is_approved=True)
            if form.is_valid():
                reject_subscription(subscription=row, by=by, reason=form.cleaned_data["reason"])
                return _decided(request, row, is_approved=False)
    context = {"row": row, "person": invited.user, "form": form, "plan": row.requested_plan_version or row.plan_version}
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound and form.errors else HTTPStatus.OK
    return render(request, "console/approval_by_mail.html", context, status=status)


def _decided(request: HttpRequest, row: Subscription, *, is_approved: bool) -> HttpResponse:
    return render(request, "console/approval_by_mail_done.html", {"row": row, "is_approved": is_approved})


def _find(request: ConsoleRequest, subscription_id: str) -> Subscription:
    rows = Subscription.objects.decidable_by(request.user).with_names()
    row: Subscription = get_object_or_404(rows, pk=subscription_id)
    return row
