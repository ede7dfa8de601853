"""How objects look in an answer: completed to their published shape, paged and expanded.

Source: docs.stripe.com/api/pagination, docs.stripe.com/api/expanding_objects, and the response types of `stripe`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from tests.stripe_server import shapes
from tests.stripe_server.errors import invalid
from tests.stripe_server.routes import Listing
from tests.stripe_server.store import PREFIXES, Mode, Object

_DEEPEST = 4
_MOST = 100
_USUAL = 10

Presenter = Callable[[Mode, Object], Object]
PRESENTERS: dict[str, Presenter] = {}
INCLUDED: dict[tuple[str, str], Presenter] = {}  # fields that are there only when expanded


def presents(kind: str) -> Callable[[Presenter], Presenter]:
    """Register the function that turns a stored object of that kind into the published one."""

    def register(presenter: Presenter) -> Presenter:
        PRESENTERS[kind] = presenter
        return presenter

    return register


def includes(kind: str, name: str) -> Callable[[Any], Any]:
    """Register the function that computes a field which is only shown when expanded."""

    def register(presenter: Any) -> Any:
        INCLUDED[kind, name] = presenter
        return presenter

    return register


def present(mode: Mode, found: Object) -> Object:
    """The published form: a copy without our own fields (those with a leading underscore)."""
    kind = found["object"]
    shown = {name: copy.deepcopy(value) for name, value in found.items() if not name.startswith("_")}
    if found.get("deleted"):
        return {"id": found["id"], "object": kind, "deleted": True}
    if kind in PRESENTERS:
        shown |= PRESENTERS[kind](mode, found)
    for name in shapes.nullable(kind):
        shown.setdefault(name, None)
    for each, name in INCLUDED:
        if each == kind:
            shown.pop(name, None)
    return {name: shown[name] for name in shown if name in shapes.fields(kind)}


def as_list(mode: Mode, found: list[Object], url: str) -> Object:
    """An embedded list, whole."""
    return _page(mode, found, url, has_more=False)


def as_first_page(mode: Mode, found: list[Object], url: str) -> Object:
    """An embedded list of which only the first handful is there; the rest is read at its url.

    Source: docs.stripe.com/api/invoice-line-item/retrieve, docs.stripe.com/api/credit_notes/lines.
    """
    return _page(mode, found[:_USUAL], url, has_more=len(found) > _USUAL)


def page(mode: Mode, listing: Listing, params: Object, url: str) -> Object:
    """One page of a listing."""
    limit = params.get("limit", _USUAL)
    if not 1 <= limit <= _MOST:
        raise invalid(f"Invalid integer: {limit}. Limit must be between 1 and {_MOST}.", param="limit")
    found = listing.found
    if "starting_after" in params and "ending_before" in params:
        raise invalid("You may only specify one of these parameters: starting_after, ending_before.")
    if "starting_after" in params:
        found = found[_place(mode, listing, params, "starting_after") + 1 :]
    elif "ending_before" in params:
        before = found[: _place(mode, listing, params, "ending_before")]
        return _page(mode, before[-limit:], url, has_more=len(before) > limit)
    return _page(mode, found[:limit], url, has_more=len(found) > limit)


def _page(mode: Mode, found: list[Object], url: str, *, has_more: bool) -> Object:
    return {"object": "list", "data": [present(mode, each) for each in found], "has_more": has_more, "url": url}


def _place(mode: Mode, listing: Listing, params: Object, name: str) -> int:
    for place, each in enumerate(listing.found):
        if each["id"] == params[name]:
            return place
    mode.get(listing.kind, params[name], param=name)
    return len(listing.found)


def expand(mode: Mode, shown: Object, paths: list[str]) -> Object:
    """The answer with ids replaced by what they name."""
    for path in paths:
        parts = path.split(".")
        if len([part for part in parts if part != "data"]) > _DEEPEST:
            raise invalid(f"You cannot expand more than {_DEEPEST} levels of a property ({path}).", param="expand")
        _expand(mode, shown, parts, path)
    return shown


def _expand(mode: Mode, shown: Any, parts: list[str], path: str) -> None:
    if isinstance(shown, list):
        for each in shown:
            _expand(mode, each, parts, path)
        return
    if not isinstance(shown, dict) or not parts:
        return
    name, rest = parts[0], parts[1:]
    kind = str(shown.get("object", ""))
    if (kind, name) in INCLUDED and name not in shown:
        shown[name] = INCLUDED[kind, name](mode, shown)
    if name not in shown:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    value = shown[name]
    if isinstance(value, str):
        shown[name] = _named(mode, value, path)
    elif isinstance(value, list) and value and isinstance(value[0], str):
        shown[name] = [_named(mode, each, path) for each in value]
    _expand(mode, shown[name], rest, path)


def _named(mode: Mode, key: str, path: str) -> Object:
    for kind, prefix in sorted(PREFIXES.items(), key=lambda pair: -len(pair[1])):
        if key.startswith(prefix + "_"):
            found = mode.peek(kind, key)
            if found is not None:
                return present(mode, found)
    for kind in ("product", "customer", "price"):  # these may have ids of their owner's choice
        found = mode.peek(kind, key)
        if found is not None:
            return present(mode, found)
    raise invalid(f"This property cannot be expanded ({path}).", param="expand")
