"""Addresses with a NUL character: told so, for no database takes one in a text.

Owns: pages alone, so that no view needs to look for it in what an address says. The management API says it by field;
bodies of forms are refused by their fields.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

_API = "/api/"


class RefuseNulMiddleware:
    """Answers 400 to an address that nothing can be looked up by."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The page, or what is wrong with its address."""
        has_nul = "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", "")
        if has_nul and not request.path_info.startswith(_API):
            return render(request, "address.html", status=400)
        return self._get_response(request)
