"""From an OpenAPI document, an upstream's address or nothing to an API; and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.db import transaction
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext

from apim.accounts.services import actor_of
from apim.catalog.fetch import fetch_document
from apim.catalog.job_kinds import AT_ONCE, ask_for_import, ask_for_reimport
from apim.catalog.judging import lint_revision
from apim.catalog.models import APIVersion
from apim.catalog.probes import Probe, probe_service
from apim.catalog.services import (
    create_api,
    create_passthrough,
    create_version,
    import_document,
    save_revision,
)
from apim.catalog.services.versions import note_review
from apim.console.comparison import compare_revisions
from apim.console.forms.apis import DocumentForm, NewAPIForm, NewVersionForm
from apim.console.forms.guide import ProposalForm, proposal_initial
from apim.console.forms.versions import ReimportForm
from apim.console.gate import publisher_page
from apim.console.guide import first_steps, guide_of
from apim.console.pages import page, posted
from apim.console.scope import find_api_to_edit, find_place, find_version_to_edit
from apim.console.security import schemes_of
from apim.console.views.jobs import to_job
from apim.ui.forms import errors_on

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.http import HttpResponse

    from apim.accounts.models import Organization
    from apim.audit.actor import Actor
    from apim.catalog.models import API, Revision
    from apim.console.gate import ConsoleRequest

PROBED_AT_MOST: Final = 3


@publisher_page
def api_new(request: ConsoleRequest) -> HttpResponse:
    """One page for whatever the owner has."""
    form = NewAPIForm(posted(request), request.FILES or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            text = _contract(form)
            if len(text) > AT_ONCE:
                data = form.cleaned_data
                return _import_later(
                    request, text, api=data["name"], version=data["version"], organization=data["organization"],
                    upstream_url=data["upstream_url"],
                )  # fmt: skip
            version = _make(form, text, actor_of(request.user))
            return redirect("console:version-review", version.api.name, version.name)
    return page(request, "console/apis/new.html", form=form, steps=first_steps())


@transaction.atomic
def _make(form: NewAPIForm, text: str, by: Actor) -> APIVersion:
    data, source = form.cleaned_data, form.cleaned_data["source"]
    if source in form.CONTRACT_SOURCES:
        imported = import_document(
            source=text,
            api_name=data["name"],
            version_name=data["version"],
            upstream_url=data["upstream_url"],
            organization=data["organization"],
            by=by,
        )
        return imported.version
    if source == form.Source.UPSTREAM:
        return create_passthrough(
            organization=data["organization"],
            api_name=data["name"],
            version_name=data["version"],
            upstream_url=data["upstream_url"],
            methods=data["methods"],
            prefix=data["path_prefix"] or "/",
            by=by,
        )
    api = create_api(organization=data["organization"], name=data["name"], by=by)
    version = create_version(api=api, name=data["version"], by=by)
    if data["upstream_url"]:
        save_revision(version=version, by=by, upstream=upstream_of(data["upstream_url"]))
    return version


@publisher_page
def version_new(request: ConsoleRequest, name: str) -> HttpResponse:
    """Another version, from a document or from one that exists."""
    api = find_api_to_edit(request.user, name)
    form = NewVersionForm(posted(request), request.FILES or None, api=api)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            text = _contract(form)
            if len(text) > AT_ONCE:
                data = form.cleaned_data
                return _import_later(
                    request, text, api=api.name, version=data["name"], organization=api.organization,
                    upstream_url=data["upstream_url"],
                )  # fmt: skip
            version = _make_version(api, form, text, actor_of(request.user))
            return redirect("console:version-review", api.name, version.name)
    return page(request, "console/versions/new.html", api=api, form=form, can_edit=True)


@transaction.atomic
def _make_version(api: API, form: NewVersionForm, text: str, by: Actor) -> APIVersion:
    data = form.cleaned_data
    if data["source"] != form.Source.COPY:
        imported = import_document(
            source=text,
            api_name=api.name,
            version_name=data["name"],
            upstream_url=data["upstream_url"],
            organization=api.organization,
            by=by,
        )
        return imported.version
    version = create_version(api=api, name=data["name"], by=by)
    model = data["copied"].revisions.first()
    if model is not None:
        save_revision(
            version=version,
            by=by,
            document=model.document or None,
            operations=None if model.document else model.operations,
            passthrough=model.passthrough,
            upstream=upstream_of(data["upstream_url"]) if data["upstream_url"] else model.upstream,
            policies=model.policies,
            composites=model.composites,
            note=gettext("Copied from %(name)s, revision %(number)s.")
            % {"name": data["copied"].name, "number": model.number},
        )
    return version


@publisher_page
def version_import(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """A changed document, or the first one of a version that had none."""
    row = find_version_to_edit(request.user, api, version)
    form = ReimportForm(posted(request), request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with errors_on(form):
            text, note, by = _document(form), form.cleaned_data["note"], actor_of(request.user)
            if len(text) > AT_ONCE:
                result = reverse("console:version-review", args=[api, version])
                return to_job(
                    ask_for_reimport(
                        version=row, source=text, note=note, by=by, user=request.user, page=request.path, result=result
                    )
                )
            revision = save_revision(version=row, by=by, document=text, note=note)
            messages.success(
                request,
                gettext("Revision %(number)s holds the document. Publish it when it looks right.")
                % {"number": revision.number},
            )
            return redirect("console:version-review", api, version)
    return page(
        request, "console/versions/import.html", api=row.api, version=row, form=form, revision=row.revisions.first(),
        can_edit=True,
    )  # fmt: skip


@publisher_page
def version_review(request: ConsoleRequest, api: str, version: str) -> HttpResponse:
    """What the last document held, whether its service answers, and the policies proposed; the second guided step.

    ?probe asks the service; to htmx it answers with that alone.
    """
    place = find_place(request.user, api, version)
    revision, previous = [*place.version.revisions.all()[:2], None, None][:2]
    probes = _probes(revision) if "probe" in request.GET and place.can_edit else None
    if probes is not None and request.headers.get("HX-Request"):
        return page(request, "console/guide/_probes.html", probes=probes)
    policies = revision.policies if revision else []
    initial = proposal_initial(policies, is_first=place.version.reviewed_at is None and not policies)
    form = ProposalForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        row = find_version_to_edit(request.user, api, version)
        with errors_on(form):
            _accept(row, form, policies, actor_of(request.user))
            return redirect("console:version-offer", api, version)
    return page(
        request,
        "console/versions/review.html",
        api=place.api,
        version=place.version,
        can_edit=place.can_edit,
        revision=revision,
        previous=previous,
        changes=compare_revisions(previous, revision) if revision and previous else None,
        report=lint_revision(revision) if revision else None,
        schemes=schemes_of(revision.document) if revision and revision.document else [],
        probes=probes,
        form=form,
        guide=guide_of(place.version, current="version-review"),
        **_counted(revision),
    )


def _counted(revision: Revision | None) -> dict[str, object]:
    """What is wrong with the document: errors as a list, warnings counted."""
    problems = revision.problems if revision else []
    errors = [problem for problem in problems if problem["severity"] == "error"]
    return {"errors": errors, "warning_count": len(problems) - len(errors)}


@transaction.atomic
def _accept(row: APIVersion, form: ProposalForm, policies: Sequence[Mapping[str, Any]], by: Actor) -> None:
    """The proposed policies as the next revision, and the import looked at."""
    note = gettext("Policies chosen in the review.")
    save_revision(version=row, by=by, policies=form.policies(policies), note=note)
    note_review(version=row, by=by)


def _probes(revision: Revision | None) -> list[Probe]:
    """What each target said just now; the first few, for a person waits."""
    targets = (revision.upstream if revision else {}).get("targets", [])
    return [probe_service(target["url"]) for target in targets[:PROBED_AT_MOST]]


def upstream_of(url: str) -> dict[str, object]:
    """An upstream with this one target."""
    return {"targets": [{"url": url, "weight": 100}]}


def _contract(form: DocumentForm) -> str:
    """The document's text, "" when the form's source is no document. Fetched before any transaction."""
    return _document(form) if form.cleaned_data["source"] in DocumentForm.REQUIRED else ""


def _import_later(
    request: ConsoleRequest,
    text: str,
    *,
    api: str,
    version: str,
    organization: Organization,
    upstream_url: str,
) -> HttpResponse:
    """To the page of the job that imports a document which takes longer than a page should."""
    job = ask_for_import(
        source=text,
        api_name=api,
        version_name=version,
        upstream_url=upstream_url,
        organization=organization,
        by=actor_of(request.user),
        user=request.user,
        page=request.path,
        result=reverse("console:version-review", args=[api, version]),
    )
    return to_job(job)


def _document(form: DocumentForm) -> str:
    """The document's text, fetched when the form holds its address."""
    if form.cleaned_data["source"] == form.Source.URL:
        return fetch_document(form.cleaned_data["document_url"])
    return form.given_text
