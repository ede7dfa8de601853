"""Pages of a version that change what its next revision holds: operations, policies; and its prose."""

from __future__ import annotations

from contextlib import contextmanager
from copy import copy
from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import transaction
from django.shortcuts import redirect
from django.utils.translation import gettext

from apim.accounts.services import actor_of
from apim.catalog.services import save_revision, update_version
from apim.catalog.services.versions import lock
from apim.console.forms.fields import BELOW
from apim.console.forms.policies import policies_value, policy_forms
from apim.console.forms.versions import (
    DocumentationForm,
    NoteForm,
    OperationFormSet,
    PassthroughForm,
)
from apim.console.gate import publisher_page
from apim.console.guide import guide_of
from apim.console.pages import page, posted
from apim.console.problems import problems_of
from apim.console.scope import find_place, find_version_to_edit
from apim.console.seen import is_current, revision_saved_meanwhile, seen_of_revision
from apim.console.targets import arms_in, targets_of
from apim.gateways.models import Gateway, Issuer
from apim.gateways.services import default_environment
from apim.products.models import ProductItem
from apim.ui.forms import errors_on
from apim.usage import reports
from apim.usage.shadows import shadow_counts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.forms import BaseForm, BaseFormSet
    from django.http import HttpResponse

    from apim.catalog.models import APIVersion, Deployment, Revision
    from apim.console.gate import ConsoleRequest


@publisher_page
def version_page(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """A version: what runs, what its newest revision holds, what can be done next."""
    place = find_place(request.user, api, version)
    revision = place.version.revisions.first()
    deployments = list(place.version.deployments.select_related("environment", "revision"))
    running = _running(deployments)
    targets = targets_of(place.version.id, Gateway.objects.visible_to(request.user)) if place.can_edit else []
    scope, span = reports.Scope(version_ids=[place.version.id]), reports.last(timedelta(hours=24))
    return page(
        request,
        "console/versions/page.html",
        api=place.api,
        version=place.version,
        can_edit=place.can_edit,
        revision=revision,
        deployments=deployments,
        environments_with_groups=set(Gateway.objects.exclude(group="").values_list("environment_id", flat=True)),
        running=running,
        is_ahead=revision is not None and running is not None and running.revision_id != revision.id,
        totals=reports.totals(scope, span),
        percentiles=reports.percentiles(scope, span),
        products=ProductItem.objects.filter(version=place.version).select_related("product"),
        problems=problems_of({place.version.id, place.api.id}),
        targets=targets,
        arms=arms_in(targets),
        guide=guide_of(place.version) if place.can_edit else None,
    )


def _running(deployments: list[Deployment]) -> Deployment | None:
    """Beside which the newest revision is told: where publishing brings it; elsewhere it goes by promotion."""
    default = default_environment()
    here = (each for each in deployments if each.environment_id == default.pk)
    return next(here, deployments[0] if deployments else None)


@publisher_page
def version_operations(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """The operations of a contract made by hand, or the methods and prefix of a pass-through."""
    row = find_version_to_edit(request.user, api, version)
    revision = newest_of(row)
    if revision is not None and revision.document:
        return redirect("console:version-import", api, version)
    if revision is not None and revision.passthrough:
        return _passthrough(request, row, revision)
    rows = OperationFormSet(
        posted(request), initial=revision.operations if revision is not None else [], prefix="operations"
    )
    note = NoteForm(posted(request))
    if request.method == "POST" and rows.is_valid() and note.is_valid():
        with errors_on(note):
            saved = save_revision(
                version=row, by=actor_of(request.user), operations=_operations(rows, revision),
                note=note.cleaned_data["note"],
            )  # fmt: skip
            return saved_page(request, row, saved)
    return page(
        request, "console/versions/operations.html", api=row.api, version=row, rows=rows, form=note, can_edit=True
    )


def _passthrough(request: ConsoleRequest, row: APIVersion, revision: Revision) -> HttpResponse:
    current = revision.passthrough or {}
    initial = {"methods": current.get("methods"), "path_prefix": current.get("prefix")}
    form = PassthroughForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            passthrough = {"methods": form.cleaned_data["methods"], "prefix": form.cleaned_data["path_prefix"]}
            saved = save_revision(
                version=row, by=actor_of(request.user), passthrough=passthrough, note=form.cleaned_data["note"]
            )
            return saved_page(request, row, saved)
    return page(request, "console/versions/passthrough.html", api=row.api, version=row, form=form, can_edit=True)


def _operations(rows: BaseFormSet, revision: Revision | None) -> list[dict[str, object]]:
    """The kept rows; what the form does not show (tags, operation id) stays as it was."""
    known = {(each["method"], each["path"]): each for each in (revision.operations if revision else [])}
    return [
        {**known.get((row["method"], row["path"]), {}), **{key: row[key] for key in ("method", "path", "summary")}}
        for row in rows.cleaned_data
        if row.get("path") and not row.get("remove")
    ]


@publisher_page
def version_policies(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """A form for each policy kind."""
    row = find_version_to_edit(request.user, api, version)
    revision = newest_of(row)
    rows = policy_forms(posted(request), revision.policies if revision else [])
    note = NoteForm(posted(request))
    validities = [form.is_valid() for form in (*rows, note)]  # a list: every form shows its errors, not the first alone
    if request.method == "POST" and all(validities):
        with errors_on(note), saved_after(request, note, row) as is_newest:
            if is_newest:
                policies = policies_value(rows)
                saved = save_revision(
                    version=row, by=actor_of(request.user), policies=policies, note=note.cleaned_data["note"]
                )
                return saved_page(request, row, saved)
    elif request.method == "POST":
        note.add_error(None, BELOW)
    return page(
        request,
        "console/versions/policies.html",
        seen=seen_of_revision(newest_of(row)),
        api=row.api,
        version=row,
        policies=rows,
        shadows=shadow_counts(reports.Scope(version_ids=[row.id]), reports.last(timedelta(hours=24))),
        form=note,
        issuers=Issuer.objects.visible_to(request.user).select_related("environment"),
        can_edit=True,
    )


@publisher_page
def version_documentation(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """Prose for the portal; no new revision."""
    row = find_version_to_edit(request.user, api, version)
    form = DocumentationForm(posted(request), instance=copy(row))
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            update_version(version=row, changes=form.cleaned_data, by=actor_of(request.user))
            messages.success(request, gettext("The documentation is saved and shown in the portal."))
            return redirect("console:version", api, version)
    return page(request, "console/versions/documentation.html", api=row.api, version=row, form=form, can_edit=True)


def newest_of(row: APIVersion) -> Revision | None:
    """The revision that the next one is made from."""
    return row.revisions.first()


@contextmanager
def saved_after(request: ConsoleRequest, form: BaseForm, row: APIVersion) -> Iterator[bool]:
    """A transaction in which nobody else saves a revision; whether the form began with the newest, else it says so."""
    with transaction.atomic():
        lock(row)
        newest = newest_of(row)
        yield is_current(request, form, now=seen_of_revision(newest), told=revision_saved_meanwhile(newest))


def saved_page(request: ConsoleRequest, row: APIVersion, revision: Revision) -> HttpResponse:
    """Back to the version, with a word about the revision."""
    messages.success(
        request,
        gettext("Saved as revision %(number)s. Callers get it when you publish it.") % {"number": revision.number},
    )
    return redirect("console:version", row.api.name, row.name)
