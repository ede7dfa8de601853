"""The platform itself: overview and environments."""

from __future__ import annotations

from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING

from django import forms
from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext

from apim.access.models import Application, Subscription
from apim.accounts.models import Organization, User
from apim.accounts.services import actor_of
from apim.audit.models import AuditEvent
from apim.catalog.models import API
from apim.console.checklist import checklist
from apim.console.convergence import fleet_of, gateways_of
from apim.console.forms.admin import EnvironmentForm
from apim.console.forms.fields import BELOW
from apim.console.forms.policies import policies_value, policy_forms
from apim.console.gate import admin_page
from apim.console.pages import page, posted
from apim.console.problems import problems_of
from apim.console.sandboxes import sandboxes_of
from apim.gateways.models import Environment
from apim.gateways.services import default_environment, update_environment
from apim.notifications.models import MailServer, Message
from apim.ui.forms import errors_on
from apim.usage import reports, version_reports

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

EVENTS_SHOWN = 8


@admin_page
def overview(request: ConsoleRequest) -> HttpResponse:
    """How the platform does, and what an admin does next."""
    counts = {
        "organizations": Organization.objects.count(),
        "users": User.objects.count(),
        "apis": API.objects.filter(archived_at=None).count(),
        "applications": Application.objects.count(),
        "subscriptions": Subscription.objects.live().count(),
    }
    return page(
        request,
        "console/admin/overview.html",
        fleet=fleet_of(gateways_of(request.user), timezone.now()),
        checklist=checklist(),
        counts=counts,
        totals=version_reports.totals_of_everything(reports.last(timedelta(hours=24))),
        has_mail_server=MailServer.objects.exists(),
        unsent=Message.objects.exclude(error="").count(),
        events=AuditEvent.objects.all()[:EVENTS_SHOWN],
    )


@admin_page
def environment_list(request: ConsoleRequest) -> HttpResponse:
    """Places to run."""
    found = Environment.objects.visible_to(request.user).select_related("pin").prefetch_related("gateways")
    rows = list(found)
    sandboxes = sandboxes_of(rows)
    return page(
        request, "console/admin/environments.html", rows=rows, lines=[(row, sandboxes.get(row.pk)) for row in rows]
    )


@admin_page
def environment_edit(request: ConsoleRequest, name: str) -> HttpResponse:
    """Upstream networks, the limit of client addresses, and what its sandbox answers."""
    environment = get_object_or_404(Environment.objects.editable_by(request.user), name=name)
    form = EnvironmentForm(posted(request), instance=copy(environment))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            update_environment(environment=environment, changes=form.cleaned_data, by=actor_of(request.user))
            messages.success(request, gettext("Saved. Gateways apply it within seconds."))
            return redirect("console:admin-environments")
    return page(
        request,
        "console/admin/environment.html",
        environment=environment,
        form=form,
        sandbox=sandboxes_of([environment]).get(environment.pk),
        gives_keys=environment.pk == default_environment().pk,
        problems=problems_of({environment.id}),
    )


@admin_page
def environment_policies(request: ConsoleRequest, name: str) -> HttpResponse:
    """A form for each policy kind, for all that runs in the environment."""
    environment = get_object_or_404(Environment.objects.editable_by(request.user), name=name)
    rows = policy_forms(posted(request), environment.policies, is_of_environment=True)
    summary = forms.Form(posted(request))
    validities = [form.is_valid() for form in (*rows, summary)]  # a list: every form shows its errors
    if request.method == "POST" and all(validities):
        with errors_on(summary):
            changes = {"policies": policies_value(rows)}
            update_environment(environment=environment, changes=changes, by=actor_of(request.user))
            messages.success(request, gettext("Saved. Gateways apply it within seconds."))
            return redirect("console:admin-environments")
    elif request.method == "POST":
        summary.add_error(None, BELOW)
    return page(
        request, "console/admin/environment_policies.html", environment=environment, policies=rows, form=summary
    )
