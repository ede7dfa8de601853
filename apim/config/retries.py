"""Retries: a write that the database gave up for another's sake is done again instead of failing its caller.

Two transactions that lock the same rows in different orders end with one of them rolled back as a whole (deadlock), and
of two that make the same name one is refused, so doing it again is safe.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apim.contention import is_outrun, mark_repeatable

logger = logging.getLogger(__name__)

ATTEMPTS = 4
_LONGEST_PAUSE_S = 0.1

View = Callable[..., HttpResponseBase]


class RetryMiddleware:
    """Runs the view of a write again, a few times."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: View, arguments: Sequence[Any], fields: Mapping[str, Any]
    ) -> HttpResponseBase | None:
        """The response of the last attempt; None leaves reads to Django, and pages that raise their answer."""
        if request.method in ("GET", "HEAD", "OPTIONS") or _raises_answers(request) or not _can_read_again(request):
            return None
        for attempt in range(1, ATTEMPTS + 1):
            mark_repeatable(request, is_repeatable=attempt < ATTEMPTS)
            try:
                return view(request, *arguments, **fields)
            except DatabaseError as error:
                if attempt == ATTEMPTS or not is_outrun(error):
                    raise
                logger.info("%s %s is done again: %s", request.method, request.path, error)
                time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 - so that the two do not meet again
        return None


def _raises_answers(request: HttpRequest) -> bool:
    """True for allauth's pages: what they raise is answered by its middleware, which sees no exception from here."""
    return request.resolver_match is not None and request.resolver_match.route.startswith("account/")


def _can_read_again(request: HttpRequest) -> bool:
    """True when the body is kept in memory, so that a second attempt sees it; uploads of files are done once."""
    if request.content_type == "multipart/form-data":
        return False
    length = request.headers.get("Content-Length", "")
    if length.isdigit() and int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        return False  # the view refuses it
    _ = request.body  # read now, kept by Django
    return True
