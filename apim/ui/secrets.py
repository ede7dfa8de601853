"""Answers that show a secret: kept by no cache, and not by the browser's own history either.

Whoever shows one says so, on the way: the template of a secret, or the view that hands one over. So no page can forget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

_MARK = "_shows_a_secret"


def keep_unstored(request: HttpRequest) -> None:
    """Have the answer to this request kept nowhere."""
    setattr(request, _MARK, True)


class SecretsMiddleware:
    """Sets `Cache-Control: no-store` on each answer that shows a secret."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The view's answer, with the header where it is due."""
        response = self.get_response(request)
        if getattr(request, _MARK, False):
            response.headers["Cache-Control"] = "no-store"
        return response
