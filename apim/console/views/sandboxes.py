"""The page of a version's sandbox: what answers those who try it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect
from django.utils.translation import gettext

from apim.accounts.services import actor_of
from apim.catalog.models import API
from apim.catalog.sandboxes import answers_from
from apim.catalog.services.sandboxes import name_sandbox_service
from apim.console.forms.sandboxes import SandboxForm
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.problems import problems_of
from apim.console.sandboxes import address_in
from apim.console.scope import find_version_to_edit
from apim.gateways.models import Environment
from apim.gateways.services import default_environment
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest


@publisher_page
def version_sandbox(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """What answers sandbox keys, in force as soon as it is saved, and where the sandbox is."""
    row = find_version_to_edit(request.user, api, version)
    form = SandboxForm(posted(request), upstream=row.sandbox_upstream)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            name_sandbox_service(version=row, upstream=form.upstream, by=actor_of(request.user))
            messages.success(request, gettext("Saved. Gateways apply it within seconds; no revision was made."))
            return redirect("console:version-sandbox", api, version)
    environment = default_environment()
    deployed = row.deployments.filter(environment=environment).select_related("revision").first()
    return page(
        request,
        "console/versions/sandbox.html",
        api=row.api,
        version=row,
        form=form,
        can_edit=True,
        environment=environment,
        environments=list(Environment.objects.visible_to(request.user)),
        source=answers_from(row, deployed.revision if deployed else None),
        address=address_in(environment, row.api.name, row.name),
        is_internal=row.api.visibility != API.Visibility.PUBLIC,
        problems=[each for each in problems_of({row.pk}) if each["where_field"].startswith("sandbox_")],
    )
