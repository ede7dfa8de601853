"""The request flow of a version: its policies as blocks, changed one act at a time; each act is a revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.accounts.permissions import is_admin
from apim.accounts.services import actor_of
from apim.analytics.passages import Passage, passage
from apim.analytics.questions import Question
from apim.analytics.windows import last
from apim.catalog.operations import operation_name
from apim.catalog.services import save_revision
from apim.console.flow_figures import figures_of, kinds_in
from apim.console.forms.policies import PolicyForm
from apim.console.gate import publisher_page
from apim.console.insight.filters import DEFAULT_RANGE, RANGES
from apim.console.pages import page, posted
from apim.console.request_flow import Policies, blocks_of, moved, removed, shifted, written
from apim.console.scope import find_version_to_edit
from apim.errors import Conflict, Invalid
from apim.gateways.services import default_environment
from apim.ui.downloads import csv_response
from apim.ui.forms import errors_on, errors_told
from gateway_sync.policies import DESCRIPTIONS, KINDS

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.catalog.models import APIVersion, Revision
    from apim.console.gate import ConsoleRequest

OPERATIONS_LISTED = 500
REPLAYED = 5


class _Range(NamedTuple):
    """The time that figures are of, and the links to others."""

    name: str
    words: str
    links: list[tuple[str, str, bool]]


@publisher_page
def version_flow(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """The picture, a form for the block that is added or edited, and the acts on blocks."""
    row = find_version_to_edit(request.user, api, version)
    revision, previous = [*row.revisions.all()[:2], None, None][:2]
    policies = revision.policies if revision else []
    name = request.GET.get("operation", "")
    operation = _operation(revision, name)
    form, index = _form(request, policies, name if operation else "")
    if request.method == "POST":
        if form is not None and "save" in request.POST:
            if _is_saved(request, row, policies, form, index=index):
                return _back(row, name)
        else:
            with errors_told(request):
                _act(request, row, (revision, previous), name)
            return _back(row, name)
    deployment = row.deployments.select_related("environment", "revision").first()
    environment = deployment.environment if deployment else default_environment()  # so what it inherits
    blocks = blocks_of(policies, environment.policies, operation)
    window, passed = _passed(request, row, environment.pk, name if operation else "")
    deployed = kinds_in(deployment.revision.policies if deployment else (), environment.policies)
    figures = figures_of(blocks, passed, deployed)
    if request.GET.get("csv"):
        table = figures.table("", "")
        return csv_response(f"flow-{row.api.name}-{row.name}", table.headers, table.rows)
    return page(
        request,
        "console/versions/flow.html",
        api=row.api,
        version=row,
        can_edit=True,
        revision=revision,
        blocks=blocks,
        figures=figures,
        table=figures.table(_("What calls met on the way"), window.words),
        ranges=window.links,
        range=window.name,
        passed=passed,
        replayable=passed.replayable[:REPLAYED],
        operations=[operation_name(each) for each in (revision.operations if revision else [])[:OPERATIONS_LISTED]],
        chosen=name if operation else "",
        kinds=[(kind, DESCRIPTIONS[kind]) for kind in KINDS if not DESCRIPTIONS[kind].is_of_environment],
        form=form,
        is_new=index is None,
        environment=environment,
        may_edit_environment=is_admin(request.user),
        can_undo=previous is not None and revision is not None and previous.policies != revision.policies,
        targets=[target["url"] for target in (revision.upstream if revision else {}).get("targets", [])],
    )


def _form(request: ConsoleRequest, policies: Policies, operation: str) -> tuple[PolicyForm | None, int | None]:
    """(the form of the block that is added or edited, its place; None for a new one)."""
    kind, index = request.GET.get("add", ""), _number(request.GET.get("edit", ""))
    if index is not None and index < len(policies):
        kind, settings = next(iter(policies[index].items()))
        return _policy_form(request, kind, dict(settings or {})), index
    if kind in DESCRIPTIONS and not DESCRIPTIONS[kind].is_of_environment:
        is_narrow = operation and DESCRIPTIONS[kind].has_operations
        return _policy_form(request, kind, {"operations": [operation]} if is_narrow else {}), None
    return None, None


def _policy_form(request: ConsoleRequest, kind: str, settings: Mapping[str, Any]) -> PolicyForm:
    data = posted(request)
    if data is not None and "save" in data:
        data = data.copy()
        data[f"{kind}-is_on"] = "on"  # the page of one block has no switch
    return PolicyForm(data if data is not None and "save" in data else None, kind=kind, number=0, settings=settings)


def _is_saved(
    request: ConsoleRequest, row: APIVersion, policies: Policies, form: PolicyForm, *, index: int | None
) -> bool:
    """True when the block stands as the form says; else the form says why not."""
    if form.is_valid():
        with errors_on(form):
            _save(request, row, written(policies, index, form.kind, form.settings), form.kind)
            return True
    return False


def _act(
    request: ConsoleRequest, row: APIVersion, pair: tuple[Revision | None, Revision | None], operation: str
) -> None:
    """One act of the buttons and of dragging."""
    revision, previous = pair
    if revision is None:
        raise Conflict("console.no_revision", _("There is no revision yet."))
    act, policies = request.POST.get("act", ""), revision.policies
    if act == "undo":
        if previous is not None:
            _save(request, row, previous.policies, _("undone"))
        return
    index = _number(request.POST.get("index", ""))
    if index is None or index >= len(policies):
        raise Invalid("console.no_block", _("This block is gone: somebody removed it meanwhile."))
    kind = next(iter(policies[index]))
    if act == "remove":
        _save(request, row, removed(policies, index), kind)
    elif act == "move":
        wanted = request.POST.get("to", "")
        _save(request, row, moved(policies, index, [operation] if wanted == "operation" and operation else []), kind)
    elif act in {"earlier", "later"}:
        _save(request, row, shifted(policies, index, is_earlier=act == "earlier"), kind)


def _save(request: ConsoleRequest, row: APIVersion, policies: Sequence[Mapping[str, Any]], what: str) -> None:
    """The next revision with these policies.

    Errors: Conflict when the newest revision is not the one that the page showed; those of save_revision.
    """
    newest = row.revisions.values_list("number", flat=True).first() or 0
    if _number(request.POST.get("seen", "")) != newest:
        message = _("Revision %(number)s was saved meanwhile, and is what you see now.") % {"number": newest}
        raise Conflict("console.saved_meanwhile", message, hint=_("Do it again if it is still right."))
    note = _("Request flow: %(what)s.") % {"what": what}
    revision = save_revision(version=row, by=actor_of(request.user), policies=policies, note=note)
    if revision.number == newest:
        messages.info(request, _("Nothing changed."))
    else:
        messages.success(
            request,
            _("Saved as revision %(number)s. Callers get it when you publish it.") % {"number": revision.number},
        )


def _back(row: APIVersion, operation: str) -> HttpResponse:
    query = f"?{urlencode({'operation': operation})}" if operation else ""
    return redirect(reverse("console:version-flow", args=[row.api.name, row.name]) + query)


def _operation(revision: Revision | None, name: str) -> Mapping[str, Any] | None:
    rows = revision.operations if revision else []
    return next((each for each in rows if operation_name(each) == name), None)


def _passed(request: ConsoleRequest, row: APIVersion, environment_id: str, operation: str) -> tuple[_Range, Passage]:
    """The time that figures are of, and what its calls met."""
    wanted = request.GET.get("range", "")
    name = wanted if wanted in RANGES else DEFAULT_RANGE
    kept = {"operation": operation} if operation else {}
    links = [(f"?{urlencode({**kept, 'range': each})}", str(words), each == name) for each, words in RANGES.items()]
    question = Question([row.pk], environment_id, operation=operation or None)
    return _Range(name, str(RANGES[name]), links), passage(question, last(name, timezone.now()))


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None  # noqa: PLR2004 - no such number
