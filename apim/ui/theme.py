"""Light or dark: the visitor's choice lives in a cookie; without one the system's choice holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

COOKIE = "theme"
THEMES = ("light", "dark")
_YEAR_S = 365 * 24 * 3600


def theme_of(request: HttpRequest) -> str:
    """The theme that the visitor chose; empty when they follow their system."""
    theme = request.COOKIES.get(COOKIE, "")
    return theme if theme in THEMES else ""


@require_POST
def switch_theme(request: HttpRequest) -> HttpResponse:
    """Turns light to dark and back, for browsers without JavaScript; the server cannot know the system's choice."""
    target = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = "/"
    response = HttpResponseRedirect(target)
    theme = "light" if theme_of(request) == "dark" else "dark"
    response.set_cookie(COOKIE, theme, max_age=_YEAR_S, samesite="Lax", secure=request.is_secure())
    return response
