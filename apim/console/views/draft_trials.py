"""Try this draft: one call through the newest revision before anybody publishes it, and the way that it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext as _

from apim.catalog.operations import operation_name
from apim.console.forms.trial import DraftTrialForm
from apim.console.gate import publisher_page
from apim.console.pages import page, posted
from apim.console.scope import find_version_to_edit
from apim.errors import Conflict
from apim.gateways.services import default_environment
from apim.onboarding.bounds import address_of, take
from apim.products.models import Plan
from apim.ui.forms import errors_on
from apim.usage.flows import flow_of
from gateway_sync.delivery.candidates import NOBODY, Stated, Trial, callers_of, state_of, try_call

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.accounts.models import User
    from apim.catalog.models import APIVersion, Revision
    from apim.console.gate import ConsoleRequest

PATHS_LISTED: Final = 200
CALLS_AN_HOUR: Final = 300  # of one person; each takes a process of its own


@publisher_page
def version_try_draft(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """A form, the answer beside it, and below the picture of the way."""
    row = find_version_to_edit(request.user, api, version)
    revision = row.revisions.first()
    deployments = row.deployments.select_related("environment", "revision")
    deployment = deployments.first()
    operations = (revision.operations if revision else [])[:PATHS_LISTED]
    wanted = [each for each in operations if operation_name(each) == request.GET.get("operation", "")]
    first = (wanted or operations or [{"method": "GET", "path": "/"}])[0]
    callers = callers_of(row, Plan.objects.open_to(row.api.organization).active())
    chosen = (callers or [NOBODY])[0].choice
    form = DraftTrialForm(
        posted(request), callers=callers, initial={"method": first["method"], "path": first["path"], "caller": chosen}
    )
    stated, trial = None, None
    if revision is not None and request.method == "POST" and form.is_valid():
        with errors_on(form):
            stated, trial = _tried(request, row, revision, form)
    return page(
        request,
        "console/trial/draft.html",
        api=row.api,
        version=row,
        can_edit=True,
        revision=revision,
        deployment=deployment,
        environment=deployment.environment if deployment else default_environment(),
        is_deployed=any(each.revision_id == revision.id for each in deployments) if revision else False,
        names=[operation_name(each) for each in operations],
        paths=sorted({each["path"] for each in operations}),
        form=form,
        stated=stated,
        trial=trial,
        answer=trial.answer if trial else None,
        trace=trial.trace if trial else None,
        flow=flow_of(trial.trace) if trial and trial.trace else None,
    )


def _count(user: User) -> None:
    """Errors: Conflict trial.too_often."""
    try:
        take("draft-trial", user.id, CALLS_AN_HOUR)
    except Conflict as error:
        message = _("You have tried drafts %(most)s times within an hour.") % {"most": CALLS_AN_HOUR}
        raise Conflict("trial.too_often", message, hint=_("Go on in a while.")) from error


def _tried(
    request: ConsoleRequest, row: APIVersion, revision: Revision, form: DraftTrialForm
) -> tuple[Stated, Trial | None]:
    """The state that the draft makes, and what came of the call; no trial where no gateway would serve the version."""
    _count(request.user)
    deployment = row.deployments.select_related("environment").first()
    environment = deployment.environment if deployment else default_environment()
    revision.version = row
    stated = state_of(environment, revision, form.called_as)
    if not stated.is_there:
        return stated, None
    address, whose = address_of(request).partition("/")[0], request.user.id
    return stated, try_call(environment, row, stated, form.call, address=address, whose=whose)
