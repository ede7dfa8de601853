"""Which function answers which request, which parameters it takes and which permission it asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.stripe_server.store import Mode

Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. Shapes: permission is the part between `rak_` and `_write`; parameters name a type."""

    method: str
    path: str
    pattern: re.Pattern[str]
    parameters: str
    permission: str
    handler: Handler

    @property
    def scope(self) -> str:
        return f"rak_{self.permission}_{'read' if self.method == 'GET' else 'write'}"


ROUTES: list[Route] = []


def route(method: str, path: str, parameters: str, permission: str) -> Callable[[Handler], Handler]:
    """Register the decorated function: it takes the mode, the parameters and what the path names."""

    def register(handler: Handler) -> Handler:
        pattern = re.compile("^" + re.sub(r"\{\w+\}", r"([^/]+)", path) + "/?$")
        ROUTES.append(Route(method, path, pattern, parameters, permission, handler))
        return handler

    return register


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The route of a request, and what its path names; the most literal one wins."""
    matching = [
        (each, matched.groups())
        for each in ROUTES
        if each.method == method and (matched := each.pattern.match(path)) is not None
    ]
    return min(matching, key=lambda pair: len(pair[1]), default=None)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list to be paged: every object that matches, newest first."""

    kind: str
    found: list[dict[str, Any]]


def retrieve(kind: str) -> Handler:
    """A handler that answers with one object."""

    def handler(mode: Mode, _params: dict[str, Any], key: str) -> Any:
        return mode.get(kind, key, status=404)

    return handler


def listing(kind: str, *filters: str) -> Handler:
    """A handler that lists objects; filters are parameters named as the fields they are compared with."""

    def handler(mode: Mode, params: dict[str, Any]) -> Any:
        equal = {name: params[name] for name in filters if name in params}
        return Listing(kind, [each for each in mode.all(kind, **equal) if is_created_within(each, params)])

    return handler


def is_created_within(found: dict[str, Any], params: dict[str, Any]) -> bool:
    """Whether `created` of the parameters admits the object. Source: docs.stripe.com/api/events/list (created)."""
    asked = params.get("created")
    if asked is None:
        return True
    if isinstance(asked, int):
        return bool(found["created"] == asked)
    compare = {"gt": int.__gt__, "gte": int.__ge__, "lt": int.__lt__, "lte": int.__le__}
    return all(compare[name](found["created"], value) for name, value in asked.items())
