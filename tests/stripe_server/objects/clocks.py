"""Test clocks. Source: docs.stripe.com/api/test_clocks, docs.stripe.com/billing/testing/test-clocks."""

from __future__ import annotations

from tests.stripe_server.billing import cycles
from tests.stripe_server.billing.periods import boundary
from tests.stripe_server.errors import invalid
from tests.stripe_server.events import emit
from tests.stripe_server.parameters import only
from tests.stripe_server.routes import listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_PATH = "/v1/test_helpers/test_clocks"
_LIVES_S = 30 * 86400
_FURTHEST_S = 2 * 366 * 86400
_OWNED = ("customer", "subscription", "invoice", "invoiceitem", "subscription_schedule")

route("GET", _PATH + "/{id}", "test_helpers.TestClockRetrieveParams", "billing_clock")(
    retrieve("test_helpers.test_clock")
)
route("GET", _PATH, "test_helpers.TestClockListParams", "billing_clock")(listing("test_helpers.test_clock"))


@route("POST", _PATH, "test_helpers.TestClockCreateParams", "billing_clock")
def create_clock(mode: Mode, params: Object) -> Object:
    only(params, "frozen_time", "name")
    if mode.livemode:
        raise invalid("Test clocks are only available in test mode.")
    now = mode.now()
    made = mode.add(
        "test_helpers.test_clock",
        {"created": now, "deletes_after": now + _LIVES_S, "frozen_time": params["frozen_time"],
         "name": params.get("name"), "status": "ready", "status_details": {}, "_target": params["frozen_time"]},
    )  # fmt: skip
    emit(mode, "test_helpers.test_clock.created", made)
    return made


@route("POST", _PATH + "/{id}/advance", "test_helpers.TestClockAdvanceParams", "billing_clock")
def advance_clock(mode: Mode, params: Object, key: str) -> Object:
    """Starts the advance; it is done when the status is `ready` again."""
    found = mode.get("test_helpers.test_clock", key, status=404)
    target = params["frozen_time"]
    if found["status"] != "ready":
        raise invalid(
            "Test clock advancement underway - cannot perform modifications.", code="test_clock_advancing", status=429
        )
    if target <= found["frozen_time"]:
        raise invalid(
            "`frozen_time` must be in the future of the test clock's current frozen time.", param="frozen_time"
        )
    furthest = _furthest(mode, found)
    if target > furthest:
        raise invalid(
            "`frozen_time` cannot be more than two intervals in the future from the shortest subscription in this test "
            f"clock, which is {furthest}.",
            param="frozen_time",
        )
    details = {"advancing": {"target_frozen_time": target}}
    found |= {"status": "advancing", "status_details": details, "_target": target}
    emit(mode, "test_helpers.test_clock.advancing", found)
    return found


def _furthest(mode: Mode, clock: Object) -> int:
    now = int(clock["frozen_time"])
    ends = [now + _FURTHEST_S]
    for each in mode.all("subscription", test_clock=clock["id"]):
        if each["status"] not in {"canceled", "incomplete_expired"}:
            interval, count = cycles.interval_of(mode, each)
            ends.append(boundary(now, interval, count, 2) + 3 * 86400 * (interval in {"month", "year"}))
    return min(ends)


@route("DELETE", _PATH + "/{id}", "test_helpers.TestClockDeleteParams", "billing_clock")
def delete_clock(mode: Mode, _params: Object, key: str) -> Object:
    """With everything that lives on it."""
    found = mode.get("test_helpers.test_clock", key, status=404)
    for kind in _OWNED:
        for each in list(mode.all(kind, test_clock=key)):
            mode.remove(kind, each["id"])
    emit(mode, "test_helpers.test_clock.deleted", found)
    mode.remove("test_helpers.test_clock", key)
    return {"id": key, "object": "test_helpers.test_clock", "deleted": True}
