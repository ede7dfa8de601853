"""Dunning: who owes something, how far it has come, what happens next, and giving more time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.contrib import messages
from django.db import transaction
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy

from apim.access.models import Subscription
from apim.accounts.models import Organization
from apim.accounts.services import actor_of
from apim.billing.folding import BANNER_DAYS, stage_of
from apim.billing.models import BillingSubscription
from apim.billing.standing import set_patience
from apim.console.forms.billing import PatienceForm
from apim.console.gate import admin_page
from apim.console.pages import page, posted
from apim.pricing.clauses import Dunning
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_SHOWN = 200
TITLES = {
    "grace": gettext_lazy("Grace: calls pass"),
    "banner": gettext_lazy("Grace: calls pass, the portal says so"),
    "restricted": gettext_lazy("Restricted to a quarter of the rate"),
    "suspended": gettext_lazy("Suspended: calls get 402"),
    "ended": gettext_lazy("Ended"),
}


class Stage(NamedTuple):
    """Where a payer stands. Shapes: following is the stage after it, at its moment; None after the last."""

    mirror: BillingSubscription
    stage: str
    following: str
    at: datetime | None


@admin_page
def dunning(request: ConsoleRequest) -> HttpResponse:
    """Everybody who owes something, the longest first."""
    now = timezone.now()
    rows = [_stage(mirror, now) for mirror in _owing().order_by("unpaid_since")[:_SHOWN]]
    counts = {title: sum(TITLES[row.stage] == title for row in rows) for title in dict.fromkeys(TITLES.values())}
    return page(
        request,
        "console/admin/billing_dunning.html",
        rows=[(row, TITLES[row.stage], TITLES.get(row.following, "")) for row in rows],
        counts=[(title, count) for title, count in counts.items() if count],
        now=now,
    )


@admin_page
def organization_patience(request: ConsoleRequest, name: str) -> HttpResponse:
    """More time for an organization, whatever it owes."""
    organization = get_object_or_404(Organization, name=name)
    mirrors = list(_owing().filter(subscription__organization=organization))
    form = PatienceForm(posted(request))
    if request.method == "POST" and form.is_valid():
        with errors_on(form), transaction.atomic():
            data = form.cleaned_data
            for mirror in mirrors:
                set_patience(mirror=mirror, until=data["until"], by=actor_of(request.user), reason=data["reason"])
            messages.success(
                request, gettext("Kept for %(count)s. It is in force within minutes.") % {"count": len(mirrors)}
            )
            return redirect("console:admin-billing-dunning")
    return page(request, "console/admin/billing_patience.html", form=form, organization=organization, mirrors=mirrors)


@admin_page
def patience(request: ConsoleRequest, subscription_id: str) -> HttpResponse:
    """More time for one subscription."""
    mirror = get_object_or_404(
        BillingSubscription.objects.select_related("subscription__organization", "subscription__product"),
        subscription_id=subscription_id,
    )
    form = PatienceForm(posted(request), initial={"until": mirror.grace_until})
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            data = form.cleaned_data
            set_patience(mirror=mirror, until=data["until"], by=actor_of(request.user), reason=data["reason"])
            messages.success(request, gettext("Kept. It is in force within minutes."))
            return redirect("console:admin-billing-dunning")
    organization = mirror.subscription.organization
    return page(request, "console/admin/billing_patience.html", form=form, organization=organization, mirrors=[mirror])


def _owing() -> QuerySet[BillingSubscription]:
    rows = BillingSubscription.objects.filter(
        unpaid_since__isnull=False, subscription__lifecycle__in=Subscription.LIVE, test_clock=""
    )
    return rows.select_related(
        "subscription__organization", "subscription__product", "subscription__plan_version__plan"
    )


def _stage(mirror: BillingSubscription, now: datetime) -> Stage:
    since = mirror.unpaid_since or now
    dunning_terms = mirror.subscription.plan_version.terms.dunning
    if mirror.grace_until is not None and now < mirror.grace_until:
        return Stage(mirror, "grace", stage_of(mirror.grace_until - since, dunning_terms), mirror.grace_until)
    stage = stage_of(now - since, dunning_terms)
    coming = [(since + age, name) for name, age in _ages(dunning_terms).items() if since + age > now]
    at, following = min(coming, default=(None, ""))
    return Stage(mirror, stage, following, at)


def _ages(terms: Dunning) -> dict[str, timedelta]:
    """How old a debt is when each stage begins."""
    return {
        "banner": timedelta(days=BANNER_DAYS),
        "restricted": timedelta(days=terms.grace_days / 2),
        "suspended": timedelta(days=terms.grace_days),
        "ended": timedelta(days=terms.end_after_days),
    }
