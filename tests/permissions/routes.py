"""Every route of the URL configuration."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLResolver, get_resolver

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def routes(resolver: URLResolver | None = None, before: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every route of the URL configuration, and the methods to try there.

    A REST view says which it has; asking it for others would only be answered 405.
    """
    for pattern in (resolver or get_resolver()).url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, route)
        else:
            view = getattr(pattern.callback, "cls", None)
            yield route, tuple(each for each in METHODS if hasattr(view, each.lower())) if view else ("GET", "POST")
