"""The reference of a version: its operations, one page each, and the document itself."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apim.catalog.models import APIVersion, Revision
from apim.catalog.reference import samples_for
from apim.catalog.trial_calls import public_url
from apim.gateways.services import default_environment
from portal import fresh_key
from portal.contract import body_of, inputs_of, operation_detail
from portal.languages import language_of, remember_language
from portal.operation_tree import build_tree, find_entries, find_operation
from portal.rendering import page
from portal.sandbox import has_sandbox, is_test_system, shown_key
from portal.versions import base_of, deployed_revision, find_callable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from apim.catalog.reference import OperationDetail

_MEDIA_TYPES = {"json": "application/vnd.oai.openapi+json", "yaml": "application/vnd.oai.openapi"}


@require_GET
def show_version(request: HttpRequest, api_name: str, version_name: str) -> HttpResponse:
    """Where the gateway's answers of a deprecated or retired version lead: its reference, or when it ended."""
    versions = APIVersion.objects.remembered_by(request.user).select_related("api", "successor")
    version = get_object_or_404(versions, api__name=api_name, name=version_name)
    if version.is_callable:
        return redirect("portal:reference", api_name, version_name)
    if version.state != APIVersion.State.RETIRED:
        raise Http404
    following = APIVersion.objects.visible_to(request.user).callable().filter(api=version.api)
    context = {
        "section": "apis",
        "trail": [(_("APIs"), "/"), (f"{version.api.display_name} {version.name}", "")],
        "version": version,
        "successor": following.filter(pk=version.successor_id).first(),
        "others": following.order_by("-published_at", "-name"),
    }
    response = page(request, "portal/retired.html", context)
    response.status_code = HTTPStatus.GONE
    return response


@require_GET
def show_reference(request: HttpRequest, api_name: str, version_name: str) -> HttpResponse:
    """All operations by tag; those with the words asked for."""
    version = find_callable(request.user, api_name, version_name)
    revision = deployed_revision(version)
    words = request.GET.get("q", "").strip()
    context = _context(version, revision, request.GET.get("tag", "")) | {
        "words": words,
        "found": find_entries(version, revision.operations, words) if words and revision else None,
        "siblings": version.api.versions.callable().order_by("-published_at", "-name"),
    }
    return page(request, "portal/reference.html", context, "portal/_reference_list.html")


@require_GET
def show_operation(
    request: HttpRequest, api_name: str, version_name: str, *, method: str, template: str
) -> HttpResponse:
    """One operation: what it takes, what it answers, and a form to try it."""
    version = find_callable(request.user, api_name, version_name)
    revision = deployed_revision(version)
    operation = find_operation(revision.operations, method.upper(), template) if revision else None
    if revision is None or operation is None:
        raise Http404
    tag = request.GET.get("tag") or next(iter(operation.get("tags") or ()), "")
    detail = operation_detail(revision, operation["method"], operation["path"])
    context = _context(version, revision, tag) | {"operation": operation, "detail": detail}
    context |= _keys(request, version, revision)
    if detail:
        samples = _samples(request, version, detail, context)
        context |= {"inputs": inputs_of(detail), "body": body_of(detail), **samples}
    return remember_language(request, page(request, "portal/operation.html", context))


@require_GET
def download_document(request: HttpRequest, api_name: str, version_name: str) -> HttpResponse:
    """The OpenAPI document as its owner gave it."""
    version = find_callable(request.user, api_name, version_name)
    document = Revision.objects.filter(
        deployments__version=version, deployments__environment=default_environment()
    ).values_list("document", "document_format")
    text, document_format = next(iter(document), ("", ""))
    if not text:
        raise Http404
    file_name = f"{version.api.name}-{version.name}.{document_format or 'yaml'}"
    return HttpResponse(
        text,
        content_type=_MEDIA_TYPES.get(document_format, "text/plain") + "; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name}"'},
    )


def _keys(request: HttpRequest, version: APIVersion, revision: Revision) -> dict[str, object]:
    """What the visitor can call with: the key just made, and that of the sandbox, where there is one."""
    is_tryable = has_sandbox(default_environment(), version, revision)
    sandbox_key = shown_key(request) if is_tryable else ""
    kept = fresh_key.recall(request)
    return {
        "kept": kept,
        "is_tryable": is_tryable,
        "is_test_system": is_tryable and is_test_system(version),
        "sandbox_key": sandbox_key,
        "is_keyless": is_tryable and not sandbox_key and kept is None,
    }


def _samples(
    request: HttpRequest, version: APIVersion, detail: OperationDetail, context: Mapping[str, object]
) -> dict[str, object]:
    """The samples, with the best key at hand: the one just made, else that of the sandbox and its address."""
    kept, sandbox_key = context["kept"], str(context["sandbox_key"])
    is_sandbox = not kept and bool(sandbox_key)
    base = public_url(default_environment(), version, is_sandbox=True) if is_sandbox else str(context["base"])
    key = kept.key if isinstance(kept, fresh_key.FreshKey) else sandbox_key or "YOUR_API_KEY"
    listed = samples_for(detail, base_url=base, key_header=version.api.key_header, key=key) if base else ()
    chosen = language_of(request)
    return {
        "samples": listed,
        "is_sandbox_sample": is_sandbox,
        "sample": next((each for each in listed if each.syntax == chosen), next(iter(listed), None)),
    }


def _context(version: APIVersion, revision: Revision | None, tag: str) -> dict[str, object]:
    return {
        "section": "apis",
        "trail": [
            (_("APIs"), "/"),
            (version.api.display_name, reverse("portal:api", args=[version.api.name])),
            (_("%(version)s reference") % {"version": version.name}, ""),
        ],
        "version": version,
        "revision": revision,
        "tree": build_tree(version, revision.operations, tag) if revision else None,
        "base": base_of(version),
    }
