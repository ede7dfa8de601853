"""The test panel: one call through the gateway, and the way it took, as soon as the gateway has told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.decorators.debug import sensitive_post_parameters

from apim.catalog.operations import operation_name
from apim.catalog.trial_calls import Answer, send
from apim.console.forms.trial import TrialForm
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.scope import find_version_to_edit
from apim.gateways.services import default_environment
from apim.ui.forms import errors_on
from apim.usage import traces
from apim.usage.flows import flow_of

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

PATHS_LISTED = 200
ASKED_AT_MOST = 12  # times a page asks for its trace, once a second


@sensitive_post_parameters("key")
@publisher_page
def version_try(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """A form, the answer beside it, and below the picture of the way; ?trace=ID is that picture alone."""
    row = find_version_to_edit(request.user, api, version)
    if request.method == "GET" and "trace" in request.GET and request.headers.get("HX-Request"):
        return page(request, "console/trial/_trace.html", api=row.api, version=row, **_traced(request))
    deployment = row.deployments.select_related("environment", "revision").first()
    operations = (deployment.revision.operations if deployment else [])[:PATHS_LISTED]
    first = operations[0] if operations else {"method": "GET", "path": "/"}
    form = TrialForm(posted(request), initial={"method": first["method"], "path": first["path"]})
    answer: Answer | None = None
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            environment = deployment.environment if deployment else default_environment()
            answer = send(environment, row, form.call, form.cleaned_data["key"])
    return page(
        request,
        "console/trial/page.html",
        api=row.api,
        version=row,
        can_edit=True,
        deployment=deployment,
        names=[operation_name(each) for each in operations],
        paths=sorted({each["path"] for each in operations}),
        form=form,
        answer=answer,
        **(_traced(request, answer.request_id) if answer else _traced(request)),
    )


def _traced(request: ConsoleRequest, request_id: str = "") -> dict[str, object]:
    """The trace of a call, once it has come; and whether to ask again."""
    request_id = request_id or request.GET.get("trace", "")
    text = request.GET.get("tries", "0")
    tries = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else ASKED_AT_MOST  # noqa: PLR2004
    found = traces.find_trace(request_id, request.user) if request_id else None
    return {
        "request_id": request_id[:80],
        "trace": found.trace if found else None,
        "flow": flow_of(found.trace) if found else None,
        "next_try": tries + 1,
        "asks_again": found is None and tries < ASKED_AT_MOST,
    }
