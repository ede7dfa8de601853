"""Guides of an API, as readers see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apim.catalog.models import Guide
from apim.ui.article import render_article
from portal.rendering import page
from portal.views.catalogue import callable_apis, published_guides

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
def show_guide(request: HttpRequest, api_name: str, slug: str) -> HttpResponse:
    """One guide with its table of contents, and the others of the API. Drafts are for who may edit them."""
    api = get_object_or_404(callable_apis(request.user), name=api_name)
    guide = get_object_or_404(Guide.objects.visible_to(request.user).filter(api=api), slug=slug)
    guides = list(published_guides(api))
    place = next((index for index, each in enumerate(guides) if each.pk == guide.pk), None)
    context = {
        "section": "apis",
        "trail": [
            (_("APIs"), "/"),
            (api.display_name, reverse("portal:api", args=[api.name])),
            (guide.title, ""),
        ],
        "api": api,
        "guide": guide,
        "guides": guides,
        "article": render_article(guide.body),
        "following": guides[place + 1] if place is not None and place + 1 < len(guides) else None,
        "versions": api.shown_versions,  # type: ignore[attr-defined]  # callable_apis adds it
    }
    return page(request, "portal/guide.html", context)
