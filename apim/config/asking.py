"""Asking: says for whom a request has strangers' texts read, so that each person has a turn of their own."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apim.confined.turns import asker


class AskerMiddleware:
    """Names the person of each request to readers: of one with a token, too, once that was looked at."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response."""
        token = asker.set(lambda: str(request.user.pk or ""))
        try:
            return self._get_response(request)
        finally:
            asker.reset(token)
