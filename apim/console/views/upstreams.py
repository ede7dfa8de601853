"""Pages about the way to the services of a version: its upstream, and the weights of its arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect

from apim.accounts.services import actor_of
from apim.catalog.services import save_revision
from apim.catalog.services.deployments import arms_of, shift_arms
from apim.console.forms.fields import BELOW
from apim.console.forms.upstreams import (
    ArmsForm,
    TargetFormSet,
    UpstreamForm,
    UpstreamForms,
    group_forms,
    upstream_value,
)
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.scope import find_version_to_edit
from apim.console.views.versions import newest_of, saved_page
from apim.gateways.services import default_environment
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def version_upstream(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Where the requests go, and how."""
    row = find_version_to_edit(request.user, api, version)
    revision = newest_of(row)
    current = revision.upstream if revision is not None else {}
    form = UpstreamForm(posted(request), initial={"timeout_s": current.get("timeout_s", 30)})
    targets = TargetFormSet(posted(request), initial=current.get("targets", []), prefix="targets")
    groups = group_forms(posted(request), current)
    validities = [form.is_valid(), targets.is_valid(), *(group.is_valid() for group in groups)]  # each shows its errors
    if request.method == "POST" and all(validities):
        with errors_on(UpstreamForms(form, targets, groups)):
            saved = save_revision(
                version=row,
                by=actor_of(request.user),
                upstream=upstream_value(form, targets, groups),
                note=form.cleaned_data["note"],
            )
            return saved_page(request, row, saved)
    elif request.method == "POST":
        form.add_error(None, BELOW)
    return page(
        request, "console/versions/upstream.html",
        api=row.api, version=row, form=form, targets=targets, groups=groups, can_edit=True,
    )  # fmt: skip


@publisher_page
def version_arms(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """The weights of the arms that run in the default environment, in force as soon as they are saved."""
    row = find_version_to_edit(request.user, api, version)
    deployment = row.deployments.filter(environment=default_environment()).select_related("revision").first()
    arms = arms_of(deployment) if deployment is not None else {}
    if not arms:
        return redirect("console:version-upstream", api, version)
    is_reset = request.method == "POST" and "reset" in request.POST
    form = ArmsForm(None if is_reset else posted(request), arms=arms)
    if is_reset or (request.method == "POST" and form.is_valid()):
        with errors_on(form):
            shift_arms(version=row, by=actor_of(request.user), weights={} if is_reset else form.cleaned_data)
            messages.success(request, "The gateways have the new weights within a second. No revision was made.")
            return redirect("console:version-arms", api, version)
    return page(
        request, "console/versions/arms.html",
        api=row.api, version=row, form=form, deployment=deployment, can_edit=True,
    )  # fmt: skip
