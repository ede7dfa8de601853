"""The page that moves subscribers of a plan to its version in force, after showing each what it costs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils import timezone

from apim.access.models import Subscription
from apim.accounts.services import actor_of
from apim.billing.moving import move_subscriptions
from apim.console.forms.migration import MigrationForm
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.views.plans import find_plan_to_edit
from apim.products.services.plans import active_version
from apim.ui.forms import errors_on
from apim.usage.metering import preview_migration
from apim.usage.periods import last_whole

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_SHOWN_AT_MOST = 200


@publisher_page
def plan_migrate(request: ConsoleRequest, name: str) -> HttpResponse:
    """Who is on an earlier version, what the last period cost them and would cost now; moves those chosen."""
    plan = find_plan_to_edit(request.user, name)
    version = active_version(plan)
    if version is None:
        return redirect("console:plan", plan.name)
    staying = Subscription.objects.live().with_names().filter(plan_version__plan=plan)
    staying = staying.exclude(plan_version=version).order_by("plan_version__number", "created_at")
    since, until = last_whole(version.terms.interval, timezone.now())
    rows = preview_migration(staying[:_SHOWN_AT_MOST], version, since=since, until=until)
    form = MigrationForm(posted(request), ids=[row.subscription.id for row in rows])
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            chosen = form.cleaned_data["subscriptions"]
            done = move_subscriptions(version=version, by=actor_of(request.user), subscription_ids=chosen)
            if done.moved:
                messages.success(request, f"{len(done.moved)} moved to version {version.number}.")
            names = {row.subscription.id: row.subscription.organization for row in rows}
            for identifier, why in done.failed.items():
                messages.error(request, f"{names[identifier]} stays: {why}")
            return redirect("console:plan", plan.name)
    return page(
        request,
        "console/plans/migrate.html",
        plan=plan,
        version=version,
        rows=rows,
        count=staying.count(),
        since=since,
        until=until,
        form=form,
        chosen=form["subscriptions"].value() or [],
    )
