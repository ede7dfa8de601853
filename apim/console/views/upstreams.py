"""Pages about the way to the services of a version: its upstream, and the weights of its arms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from apim.accounts.services import actor_of
from apim.catalog.services import save_revision
from apim.catalog.services.deployments import arms_of, shift_arms, written_arms
from apim.console.arms import aborted, arm_rows, stable_arm
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
from apim.console.seen import seen_of_revision
from apim.console.targets import arms_in, targets_of
from apim.console.views.versions import newest_of, saved_after, saved_page
from apim.gateways.models import Gateway
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
        with errors_on(UpstreamForms(form, targets, groups)), saved_after(request, form, row) as is_newest:
            if is_newest:
                saved = save_revision(
                    version=row,
                    by=actor_of(request.user),
                    upstream=upstream_value(form, targets, groups),
                    note=form.cleaned_data["note"],
                )
                return saved_page(request, row, saved)
    elif request.method == "POST":
        form.add_error(None, BELOW)
    seen = seen_of_revision(newest_of(row))
    return page(
        request, "console/versions/upstream.html",
        api=row.api, version=row, form=form, targets=targets, groups=groups, seen=seen, can_edit=True,
    )  # fmt: skip


@publisher_page
def version_arms(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """The weights of the arms that run in the default environment, in force as soon as they are saved.

    How each arm does stands beside its weight, also since the page was opened: ?since has the counts of then.
    """
    row = find_version_to_edit(request.user, api, version)
    deployment = row.deployments.filter(environment=default_environment()).select_related("revision").first()
    arms = arms_of(deployment) if deployment is not None else {}
    if deployment is None or not arms:
        return redirect("console:version-upstream", api, version)
    acts = {"reset": {}, "abort": aborted(arms, written_arms(deployment))}
    act = next((name for name in acts if name in request.POST), None)
    form = ArmsForm(None if act else posted(request), arms=arms)
    if act or (request.method == "POST" and form.is_valid()):
        with errors_on(form):
            weights = acts[act] if act else form.cleaned_data
            shift_arms(version=row, by=actor_of(request.user), weights=weights)
            messages.success(request, _("The gateways have the new weights within a second. No revision was made."))
            return redirect("console:version-arms", api, version)
    targets = targets_of(row.pk, Gateway.objects.visible_to(request.user))
    rows, since = arm_rows(arms, arms_in(targets), request.GET.get("since", ""))
    is_piece = request.method == "GET" and bool(request.headers.get("HX-Request"))
    return page(
        request,
        "console/versions/_arms.html" if is_piece else "console/versions/arms.html",
        api=row.api,
        version=row,
        form=form,
        deployment=deployment,
        rows=[(form[arm.name], arm) for arm in rows],
        since=since,
        stable=stable_arm(written_arms(deployment)),
        can_edit=True,
    )
