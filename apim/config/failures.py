"""Pages of what went wrong before a page could be made: what it was, what to do, and by which id the log has it.

They need no database, no session and nobody who is logged in: each of these may be what failed. Programs are answered
with a problem (RFC 9457). What a page can tell by itself (403, 404, 429) has a template that Django shows.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.core.exceptions import DisallowedHost, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import patch_vary_headers

from apim.branding.brand import last_brand
from apim.config.correlation import current_request_id
from apim.contention import is_cut_off
from apim.ui.csp import HEADER, POLICY
from apim.ui.language import is_for_machines
from apim.ui.theme import theme_of

logger = logging.getLogger(__name__)

RETRY_AFTER_S: Final = 30
_TOO_LARGE: Final = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)
_PROBLEM: Final = "application/problem+json"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, or 413 where the body is larger than a form may be."""
    if isinstance(exception, _TOO_LARGE):
        megabytes = settings.DATA_UPLOAD_MAX_MEMORY_SIZE / 2**20
        return _answer(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, megabytes=f"{megabytes:g}")
    return _answer(request, HTTPStatus.BAD_REQUEST, is_host=isinstance(exception, DisallowedHost))


def failed(request: HttpRequest) -> HttpResponse:
    """503 while the database is away, which passes, or has given up what took too long; 500 for everything else."""
    error = sys.exc_info()[1]
    if is_cut_off(error):
        return _answer(request, HTTPStatus.SERVICE_UNAVAILABLE, is_cut_off=True)
    if isinstance(error, (OperationalError, InterfaceError)):
        answer = _answer(request, HTTPStatus.SERVICE_UNAVAILABLE)
        answer.headers["Retry-After"] = str(RETRY_AFTER_S)
        return answer
    return _answer(request, HTTPStatus.INTERNAL_SERVER_ERROR)


class NotAllowedMiddleware:
    """Gives an address that takes no such request (405), such as that of a form which is opened again, a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response, or the page in its place."""
        response = self._get_response(request)
        if not isinstance(response, HttpResponseNotAllowed) or response.content or is_for_machines(request):
            return response
        page = _answer(request, HTTPStatus.METHOD_NOT_ALLOWED)
        page.headers["Allow"] = response.headers["Allow"]
        return page


def _answer(request: HttpRequest, status: HTTPStatus, **told: object) -> HttpResponse:
    request_id = current_request_id()
    if is_for_machines(request):
        body = {"type": "about:blank", "title": status.phrase, "status": int(status), "request_id": request_id}
        return JsonResponse(body, status=status, content_type=_PROBLEM)
    language = translation.get_language_from_request(request)  # what failed may be how an account's is read
    with translation.override(language):
        answer = HttpResponse(_page(request, status, request_id, told), status=status)
    for name, value in {"Content-Language": language, "Cache-Control": "no-store", HEADER: POLICY}.items():
        answer.headers[name] = value
    patch_vary_headers(answer, ("Accept-Language", "Cookie"))
    return answer


def _page(request: HttpRequest, status: HTTPStatus, request_id: str, told: dict[str, object]) -> str:
    shown = {"status": int(status), "request_id": request_id, "theme": theme_of(request), "look": last_brand(), **told}
    try:
        return render_to_string(f"{int(status)}.html", shown)
    except Exception:
        logger.exception("the page of status %s cannot be made", int(status))
        return f"{int(status)} {status.phrase}. {request_id}"
