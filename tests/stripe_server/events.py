"""Events. Source: docs.stripe.com/api/events, docs.stripe.com/event-destinations."""

from __future__ import annotations

from typing import Any

import stripe

from tests.stripe_server.rendering import present
from tests.stripe_server.routes import Listing, is_created_within, retrieve, route
from tests.stripe_server.store import Mode, Object, Request

API_VERSION = stripe.api_version or ""
_KEPT_S = 30 * 86400  # Source: docs.stripe.com/api/events (30 days)


def emit(mode: Mode, kind: str, found: Object) -> Object:
    """Record that something happened to an object; with an update, also what it was before."""
    shown = present(mode, found)
    data: Object = {"object": shown}
    before = mode.sent.get(found["id"])
    if kind.endswith(".updated") and before is not None:
        data["previous_attributes"] = _difference(before, shown)
    mode.sent_before.setdefault(found["id"], before)
    mode.sent[found["id"]] = shown
    clock = found.get("test_clock") or mode.clock_of(found.get("customer"))
    made = mode.add(
        "event",
        {
            "api_version": API_VERSION,
            "data": data,
            "pending_webhooks": 0,
            "_made": mode.now(),
            "request": {"id": mode.request.id, "idempotency_key": mode.request.idempotency_key},
            "type": kind,
        },
        clock=clock,
    )
    mode.outgoing.append(made)
    return made


def quietly(mode: Mode) -> None:
    """What follows is Stripe's own doing: no request stands behind it."""
    mode.request = Request()


def _difference(before: Object, after: Object) -> Object:
    changed: Object = {}
    for name in after.keys() | before.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and "data" not in old:
            changed[name] = _difference(old, new)
        else:
            changed[name] = old
    return changed


route("GET", "/v1/events/{id}", "EventRetrieveParams", "event")(retrieve("event"))


@route("GET", "/v1/events", "EventListParams", "event")
def list_events(mode: Mode, params: dict[str, Any]) -> Listing:
    """Source: docs.stripe.com/api/events/list: up to 30 days back; `type` may end in `*`."""
    types = [params["type"]] if "type" in params else params.get("types", [])
    oldest = mode.now() - _KEPT_S
    found = [
        each
        for each in mode.all("event")
        if is_created_within(each, params)
        and each["_made"] >= oldest
        and (not types or any(is_type(each["type"], wanted) for wanted in types))
    ]
    if "delivery_success" in params:
        found = [each for each in found if (each["pending_webhooks"] == 0) == params["delivery_success"]]
    return Listing("event", found)


def is_type(kind: str, wanted: str) -> bool:
    """Whether an event's type is the wanted one, which may be a pattern such as `invoice.*`."""
    return wanted in {"*", kind} or (wanted.endswith(".*") and kind.startswith(wanted[:-1]))
