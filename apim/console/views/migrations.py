"""Moving subscribers of a plan to its version in force, after showing what it costs each; and taking it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import Prefetch
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_POST

from apim.access.models import Subscription
from apim.accounts.services import actor_of
from apim.billing.migrating import undo_migration
from apim.billing.models import MigrationMember, PlanMigration
from apim.billing.moving import move_subscriptions, obstacles_to
from apim.console.forms.migration import MigrationForm
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.views.plans import find_plan_to_edit
from apim.products.services.plans import active_version
from apim.ui.forms import errors_on, errors_told
from apim.usage.metering import preview_migration
from apim.usage.periods import last_whole

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest
    from apim.products.models import Plan

_SHOWN_AT_MOST = 200
_MIGRATIONS_SHOWN = 5


@publisher_page
def plan_migrate(request: ConsoleRequest, name: str) -> HttpResponse:
    """Who is on an earlier version, what the last period cost them and would cost now; moves those chosen."""
    plan = find_plan_to_edit(request.user, name)
    version = active_version(plan)
    if version is None:
        return redirect("console:plan", plan.name)
    staying = Subscription.objects.live().with_names().filter(plan_version__plan=plan)
    staying = staying.exclude(plan_version=version).exclude(migrations__state__in=MigrationMember.OPEN)
    staying = staying.order_by("plan_version__number", "created_at")
    since, until = last_whole(version.terms.interval, timezone.now())
    rows = preview_migration(staying[:_SHOWN_AT_MOST], version, since=since, until=until)
    form = MigrationForm(posted(request), ids=[row.subscription.id for row in rows])
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            chosen = form.cleaned_data["subscriptions"]
            done = move_subscriptions(
                version=version,
                by=actor_of(request.user),
                subscription_ids=chosen,
                not_before=form.cleaned_data["not_before"],
                words=form.cleaned_data["words"],
            )
            if done.moved:
                messages.success(
                    request,
                    gettext("%(count)s moved to version %(number)s.")
                    % {"count": len(done.moved), "number": version.number},
                )
            if done.scheduled:
                messages.success(
                    request, gettext("%(count)s will move, and were told by mail.") % {"count": len(done.scheduled)}
                )
            names = {row.subscription.id: row.subscription.organization for row in rows}
            for identifier, why in done.failed.items():
                messages.error(request, gettext("%(names)s stays: %(why)s") % {"names": names[identifier], "why": why})
            return redirect("console:plan-migrate", plan.name)
    return page(
        request,
        "console/plans/migrate.html",
        plan=plan,
        version=version,
        rows=rows,
        obstacles=obstacles_to(version, [row.subscription for row in rows]),
        count=staying.count(),
        since=since,
        until=until,
        form=form,
        migrations=_migrations(plan),
        chosen=form["subscriptions"].value() or [],
    )


@require_POST
@publisher_page
def migration_undo(request: ConsoleRequest, name: str, migration_id: str) -> HttpResponse:
    """Leaves everybody who has not moved yet with the version they have."""
    plan = find_plan_to_edit(request.user, name)
    migration = get_object_or_404(PlanMigration, version__plan=plan, id=migration_id)
    with errors_told(request):
        count = undo_migration(migration=migration, by=actor_of(request.user))
        text = ngettext(
            "%(count)d stays with the version they have.", "%(count)d stay with the version they have.", count
        )
        messages.success(request, text % {"count": count})
    return redirect("console:plan-migrate", plan.name)


def _migrations(plan: Plan) -> list[tuple[PlanMigration, list[MigrationMember], bool]]:
    """The latest migrations of the plan with their members, and whether something of each is still to come."""
    latest = PlanMigration.objects.filter(version__plan=plan).select_related("version")[:_MIGRATIONS_SHOWN]
    members = MigrationMember.objects.select_related("subscription__organization", "subscription__product")
    shown = latest.prefetch_related(Prefetch("members", members.order_by("id")))
    rows = [(each, list(each.members.all())) for each in shown]
    return [(each, found, any(one.state in MigrationMember.OPEN for one in found)) for each, found in rows]
