"""The stylesheet of the live look, and its pictures: both under addresses that name their content."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from apim.branding.brand import live_brand, stylesheet_of
from apim.branding.models import Picture
from apim.ui.csp import HEADER

_FOR_GOOD = "public, max-age=31536000, immutable"
_NOTHING_RUNS = "default-src 'none'; sandbox"


@require_safe
def stylesheet(_request: HttpRequest, digest: str) -> HttpResponse:
    """The colours of the live look; for an address of before, those too, but not to be kept."""
    brand = live_brand()
    is_current = brand.stylesheet.endswith(f"/{digest}.css")
    return HttpResponse(
        stylesheet_of(brand) if brand.stylesheet else "",
        content_type="text/css; charset=utf-8",
        headers={"Cache-Control": _FOR_GOOD if is_current else "no-cache"},
    )


@require_safe
def picture(_request: HttpRequest, digest: str, ending: str) -> HttpResponse:
    """A picture, as what it was found to be when it came, whatever a browser thinks of it."""
    row = get_object_or_404(Picture, digest=digest, media_type=f"image/{ending}")
    return HttpResponse(
        bytes(row.content),
        content_type=row.media_type,
        headers={
            "Cache-Control": _FOR_GOOD,
            "Content-Disposition": f'inline; filename="{digest}.{ending}"',
            "Cross-Origin-Resource-Policy": "cross-origin",  # mails show it too
            "X-Content-Type-Options": "nosniff",
            HEADER: _NOTHING_RUNS,
        },
    )
