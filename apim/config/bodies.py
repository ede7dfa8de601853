"""Bodies of strangers: few threads of the web process wait for them at a time, so that the others are everybody else's.

A request has a thread from its head on, and the server waits for the rest of it as long as its sender likes: it has a
limit of its own for heads only. Who is logged in, or comes with a token that was good before, can be told from others
and be stopped; whoever is not shares a few threads with all such, and has a part of them by one address. A body that is
there already takes a place for no time. A proxy that waits for bodies itself lets none of this come about.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from apim.ui.language import is_for_machines
from gateway_sync.delivery.places import Places
from gateway_sync.delivery.turns import Met, bearer

MOST: Final = 48
MOST_EACH: Final = 32  # by one address, which may be that of a proxy
FORGOTTEN_S: Final = 30.0  # then a body keeps its place from its own address alone: its sender may be gone
MOST_EVER: Final = 144  # with those: who has many addresses must not come to all threads a few at a time
_PROBLEM: Final = "application/problem+json"


class BodiesMiddleware:
    """Reads the bodies of strangers before anything is done with them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Stands where it is known who is logged in, and before whatever reads a body."""
        self._get_response = get_response
        self._places = Places(MOST, MOST_EACH, MOST_EVER)
        self._met = Met()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The response; 429 when as many bodies as may are waited for, in all or of the address."""
        token = bearer(request)
        who = sha256(token.encode()).hexdigest() if token else ""
        is_here = request.META.get("CONTENT_LENGTH", "") in ("", "0") or hasattr(request, "_body")
        if is_here or request.user.is_authenticated or who in self._met:
            response = self._get_response(request)
        else:
            response = self._answer_stranger(request)
        if who:
            # The management API says by then whose token it is.
            self._met.note(who, is_good=request.user.is_authenticated)
        return response

    def _answer_stranger(self, request: HttpRequest) -> HttpResponseBase:
        address = request.META.get("REMOTE_ADDR", "")
        if not self._places.take(address):
            return _refusal(request)
        self._places.expect_back(address, FORGOTTEN_S)
        try:
            _ = request.body  # kept for who asks for it later
        except RequestDataTooBig:
            return self._get_response(request)  # the view knows of its own limit, and reads it in this place
        finally:
            self._places.give_back(address)
        return self._get_response(request)


def _refusal(request: HttpRequest) -> HttpResponseBase:
    status = HTTPStatus.TOO_MANY_REQUESTS
    if is_for_machines(request):
        told = {
            "type": "about:blank",
            "title": "Too many bodies are waited for; send it again later.",
            "status": status,
        }
        response: HttpResponseBase = JsonResponse(told, status=status, content_type=_PROBLEM)
    else:
        response = render(request, "429.html", {"are_bodies_waited_for": True}, status=status)
    response.headers["Retry-After"] = str(math.ceil(FORGOTTEN_S))
    return response
