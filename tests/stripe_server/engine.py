"""What is due: each step does the one thing that comes first, at its moment.

Source: docs.stripe.com/billing/testing/test-clocks: a clock that advances replays everything in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.stripe_server.billing import changes, collection, cycles
from tests.stripe_server.events import emit
from tests.stripe_server.store import Mode, Object

if TYPE_CHECKING:
    from tests.stripe_server.state import State

_RENEWED = {"active", "trialing", "past_due", "unpaid"}
_LIVE = _RENEWED | {"paused", "incomplete"}


@dataclass(frozen=True, slots=True)
class Due:
    """One thing to do: the function takes the mode and the object."""

    at: int
    order: int
    kind: str
    key: str
    function: Callable[[Mode, Object], Any]


SOURCES: list[Callable[[Mode, str | None], Iterator[Due]]] = []


def step(state: State, mode: Mode) -> bool:
    """Do what is due first, of anything; False when nothing is."""
    with state.lock:
        for clock in [None, *(each["id"] for each in mode.all("test_helpers.test_clock", status="advancing"))]:
            until = mode.now() if clock is None else mode.objects["test_helpers.test_clock"][clock]["_target"]
            due = min(
                (each for source in SOURCES for each in source(mode, clock) if each.at <= until),
                key=lambda each: (each.at, each.order),  # of equals the one that was made first
                default=None,
            )
            if due is not None:
                state.change(mode, _do, clock, due)
                return True
            if clock is not None:
                state.change(mode, _arrive, clock)
                return True
    return False


def _do(mode: Mode, clock: str | None, due: Due) -> None:
    if clock is None:
        mode.moment = due.at if mode.now() - due.at > 1 else None
    else:
        frozen = mode.get("test_helpers.test_clock", clock)
        frozen["frozen_time"] = max(frozen["frozen_time"], due.at)
    try:
        due.function(mode, mode.get(due.kind, due.key))
    finally:
        mode.moment = None


def _arrive(mode: Mode, clock: str) -> None:
    frozen = mode.get("test_helpers.test_clock", clock)
    frozen |= {"frozen_time": frozen["_target"], "status": "ready", "status_details": {}}
    emit(mode, "test_helpers.test_clock.ready", frozen)


def subscriptions(mode: Mode, clock: str | None) -> Iterator[Due]:
    """Trial warnings and ends, renewals, ends, expiries."""
    for each in mode.objects.get("subscription", {}).values():
        if each["test_clock"] != clock or each["status"] not in _LIVE:
            continue
        kind, key = "subscription", each["id"]
        if each["status"] == "incomplete":
            yield Due(each["created"] + cycles.INCOMPLETE_S, 5, kind, key, cycles.expire_incomplete)
            continue
        if each.get("_pending"):
            yield Due(each["pending_update"]["expires_at"], 0, kind, key, changes.expire_pending)
        if each["cancel_at"] is not None:
            yield Due(each["cancel_at"], 2, kind, key, cycles.end_at_period_end)
        if (each.get("pause_collection") or {}).get("resumes_at"):
            yield Due(each["pause_collection"]["resumes_at"], 1, kind, key, _resume_collection)
        if each["status"] == "trialing" and not each.get("_is_warned"):
            yield Due(
                max(each["trial_end"] - cycles.TRIAL_WARNING_S, each["created"]), 1, kind, key, cycles.warn_of_trial_end
            )
        if each["status"] in _RENEWED:
            yield Due(cycles.period_end(mode, each), 3, kind, key, cycles.renew)


def _resume_collection(mode: Mode, subscription: Object) -> None:
    subscription["pause_collection"] = None
    emit(mode, "customer.subscription.updated", subscription)


def invoices(mode: Mode, clock: str | None) -> Iterator[Due]:
    """Drafts to finalize, payments to retry, due dates that pass."""
    for each in mode.objects.get("invoice", {}).values():
        if each["test_clock"] != clock or each["status"] not in {"draft", "open"}:
            continue
        finalizes, attempt = each.get("automatically_finalizes_at"), each.get("next_payment_attempt")
        if each["status"] == "draft" and each["auto_advance"] and finalizes is not None:
            yield Due(finalizes, 4, "invoice", each["id"], cycles.finalize_draft)
        if each["status"] == "open" and attempt is not None:
            yield Due(attempt, 4, "invoice", each["id"], collection.retry)
        if each["status"] == "open" and each.get("due_date") and not each.get("_is_overdue"):
            yield Due(each["due_date"], 4, "invoice", each["id"], _pass_due_date)


def _pass_due_date(mode: Mode, invoice: Object) -> None:
    """Source: docs.stripe.com/api/events/types#event_types-invoice.overdue."""
    invoice["_is_overdue"] = True
    emit(mode, "invoice.overdue", invoice)
    subscription = mode.peek("subscription", invoice["_subscription"] or "")
    if subscription and subscription["status"] == "active":
        kept = mode.get("subscription", subscription["id"])
        kept["status"] = "past_due"
        emit(mode, "customer.subscription.updated", kept)


SOURCES += [subscriptions, invoices]
