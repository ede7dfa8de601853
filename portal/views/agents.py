"""llms.txt, and the reference and guides in Markdown: for programs, of only what the asker may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import translation
from django.views.decorators.http import require_safe

from apim.catalog.models import Guide
from portal.agents import MOST_DETAILED, api_index, reference_markdown, site_index
from portal.contract import operation_detail
from portal.versions import base_of, deployed_revision, find_callable
from portal.views.catalogue import callable_apis, published_guides

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

_MOST_APIS: Final = 500
_MOST_NAMED: Final = 3000
_TEXT, _MARKDOWN = "text/plain; charset=utf-8", "text/markdown; charset=utf-8"


@require_safe
def show_site_index(request: HttpRequest) -> HttpResponse:
    """The APIs that the asker may see."""
    apis = callable_apis(request.user).prefetch_related(None)[:_MOST_APIS]
    return HttpResponse(site_index(apis, _addresses(request)), content_type=_TEXT)


@require_safe
def show_api_index(request: HttpRequest, api_name: str) -> HttpResponse:
    """One API: where its references, documents and guides are."""
    api = get_object_or_404(callable_apis(request.user), name=api_name)
    versions = api.shown_versions  # type: ignore[attr-defined]  # callable_apis adds it
    text = api_index(api, versions, list(published_guides(api)), _addresses(request))
    return HttpResponse(text, content_type=_TEXT)


@require_safe
def show_reference(request: HttpRequest, api_name: str, version_name: str) -> HttpResponse:
    """Every operation in Markdown; `tag` and `q` narrow them, since a document holds so many in full."""
    version = find_callable(request.user, api_name, version_name)
    revision = deployed_revision(version)
    tag, words = request.GET.get("tag", ""), request.GET.get("q", "").lower().split()
    found = [
        each
        for each in (revision.operations if revision else ())
        if (not tag or tag in (each.get("tags") or ()))
        and all(word in f"{each['method']} {each['path']} {each.get('summary', '')}".lower() for word in words)
    ]
    shown, rest = found[:MOST_DETAILED], found[MOST_DETAILED:_MOST_NAMED]
    with translation.override(settings.LANGUAGE_CODE):  # programs read the same in every language
        text = reference_markdown(
            version,
            base_of(version),
            (
                (
                    f"{each['method']} {each['path']}",
                    each.get("summary", ""),
                    operation_detail(revision, each["method"], each["path"]) if revision else None,
                )
                for each in shown
            ),
            (f"{each['method']} {each['path']}" for each in rest),
        )
    return HttpResponse(text, content_type=_MARKDOWN)


@require_safe
def show_guide(request: HttpRequest, api_name: str, slug: str) -> HttpResponse:
    """A guide as it was written."""
    api = get_object_or_404(callable_apis(request.user), name=api_name)
    guide = Guide.objects.visible_to(request.user).filter(api=api, slug=slug).first()
    if guide is None:
        raise Http404
    return HttpResponse(f"# {guide.title}\n\n{guide.body}\n", content_type=_MARKDOWN)


def _addresses(request: HttpRequest) -> Callable[..., str]:
    return lambda name, *arguments: request.build_absolute_uri(reverse(name, args=arguments))
