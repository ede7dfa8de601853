"""The language of samples that a visitor chose: in a cookie, so that it holds without an account or a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

LANGUAGES = ("shell", "python", "javascript", "java", "go")
_COOKIE = "sample_language"
_YEAR_S = 365 * 24 * 3600


def language_of(request: HttpRequest) -> str:
    """The language asked for in the address, else the one chosen before, else curl's."""
    wished = (request.GET.get("language", ""), request.COOKIES.get(_COOKIE, ""))
    return next((each for each in wished if each in LANGUAGES), LANGUAGES[0])


def remember_language(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """response, which keeps the language that the address asks for."""
    if request.GET.get("language", "") in LANGUAGES:
        response.set_cookie(
            _COOKIE, request.GET["language"], max_age=_YEAR_S, samesite="Lax", secure=request.is_secure(), httponly=True
        )
    return response
