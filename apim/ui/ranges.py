"""The one word of URLs for a stretch of time: `range=7d`. Pages that had another one know it until the next release."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

P = ParamSpec("P")


def with_old_ranges(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """The view; who comes by a link with `span=7d` or `days=30` is sent on to the same page by `range=`."""

    @wraps(view)
    def sent_on(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        query = request.GET.copy()
        old = [*query.pop("span", []), *(f"{days}d" for days in query.pop("days", []))]
        if not old or request.method not in {"GET", "HEAD"}:
            return view(request, *args, **kwargs)
        query.setdefault("range", old[-1])  # browsers keep what follows a #
        return redirect(f"{request.path}?{query.urlencode()}")

    return sent_on
