"""By which gateways a version is served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext

from apim.accounts.services import actor_of
from apim.catalog.services.groups import bind_to_groups, groups_in
from apim.console.forms.groups import GroupsForm
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.scope import find_version_to_edit
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def version_groups(request: ConsoleRequest, api: str, version: str, environment: str) -> HttpResponse:
    """The groups of an environment whose gateways serve the version; none chosen = all gateways."""
    row = find_version_to_edit(request.user, api, version)
    deployment = get_object_or_404(row.deployments.select_related("environment"), environment__name=environment)
    groups = sorted({*groups_in(deployment.environment), *deployment.gateway_groups})
    form = GroupsForm(posted(request), groups=groups, initial={"groups": deployment.gateway_groups})
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            bind_to_groups(
                version=row,
                groups=form.cleaned_data["groups"],
                by=actor_of(request.user),
                environment=deployment.environment,
            )
            messages.success(request, gettext("Saved. Gateways apply it within seconds."))
            return redirect("console:version", api, version)
    return page(
        request,
        "console/versions/groups.html",
        api=row.api,
        version=row,
        environment=deployment.environment,
        groups=groups,
        form=form,
    )
