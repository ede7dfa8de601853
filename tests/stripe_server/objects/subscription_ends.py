"""Cancelling, pausing and resuming. Source: docs.stripe.com/billing/subscriptions/cancel, .../pause, .../resume."""

from __future__ import annotations

from tests.stripe_server.billing import changes, collection, cycles, invoicing, lines
from tests.stripe_server.billing.periods import period_at
from tests.stripe_server.errors import invalid
from tests.stripe_server.events import emit
from tests.stripe_server.parameters import only, put
from tests.stripe_server.routes import route
from tests.stripe_server.store import Mode, Object

_PAUSABLE = {"active", "trialing", "past_due", "unpaid"}


@route("DELETE", "/v1/subscriptions/{id}", "SubscriptionCancelParams", "subscription")
def cancel_subscription(mode: Mode, params: Object, key: str) -> Object:
    only(params, "cancellation_details", "invoice_now", "prorate")
    found = mode.get("subscription", key, status=404)
    if found["status"] in {"canceled", "incomplete_expired"}:
        raise invalid(f"No such subscription: '{key}'", param="id", code="resource_missing", status=404)
    put(found["cancellation_details"], params.get("cancellation_details") or {}, "comment", "feedback")
    customer = mode.get("customer", found["customer"])
    now = mode.now(found["test_clock"])
    made: list[Object] = []
    if params.get("prorate") and found["status"] not in {"trialing", "incomplete", "paused"}:
        made += credits_of(mode, found, now)
    if params.get("invoice_now"):
        made += usage_of(mode, found, now) + changes.take_pending_items(mode, found)
        if made:
            invoice = invoicing.create(mode, customer, made, reason="manual", currency=found["currency"],
                                       subscription=found, period=(now, now))  # fmt: skip
            found["latest_invoice"] = invoice["id"]
            collection.finalize_and_collect(mode, invoice)
    else:
        for line in made:
            changes.add_pending_item(mode, customer, line, None)
    if found["status"] == "incomplete":
        _void_first(mode, found)
    changes.end_now(mode, found, reason="cancellation_requested")
    return found


def _void_first(mode: Mode, found: Object) -> None:
    invoice = mode.get("invoice", found["latest_invoice"])
    if invoice["status"] == "open":
        invoicing.void(mode, invoice)


def credits_of(mode: Mode, found: Object, at: int) -> list[Object]:
    """The credits for unused time."""
    made = [
        lines.proration(mode, item, at=at, is_credit=True)
        for item in cycles.items_of(mode, found)
        if not lines.is_metered(mode, item)
    ]
    return [line for line in made if line is not None]


def usage_of(mode: Mode, found: Object, until: int) -> list[Object]:
    """The lines of usage that was not invoiced."""
    if found["status"] in {"trialing", "incomplete", "paused"}:
        return []
    return [
        line
        for item in cycles.items_of(mode, found)
        if lines.is_metered(mode, item)
        for line in lines.arrears(mode, item, found["customer"], item["current_period_start"], until)
    ]


@route("POST", "/v1/subscriptions/{id}/pause", "SubscriptionPauseParams", "subscription")
def pause_subscription(mode: Mode, params: Object, key: str) -> Object:
    """Source: docs.stripe.com/api/subscriptions/pause."""
    only(params, "type", "bill_for", "invoicing_behavior")
    found = mode.get("subscription", key, status=404)
    if found["status"] not in _PAUSABLE:
        raise invalid(f"You cannot pause a subscription with the status `{found['status']}`.")
    now = mode.now(found["test_clock"])
    wanted = params.get("bill_for", {})
    made: list[Object] = []
    if wanted.get("unused_time_from", {}).get("type", "now") == "now" and found["status"] != "trialing":
        made += credits_of(mode, found, now)
    if wanted.get("outstanding_usage_through", {}).get("type", "now") == "now":
        made += usage_of(mode, found, now)
    customer = mode.get("customer", found["customer"])
    if params.get("invoicing_behavior") == "invoice" and made:
        invoice = invoicing.create(mode, customer, made, reason="subscription_update", currency=found["currency"],
                                   subscription=found, period=(now, now))  # fmt: skip
        found["latest_invoice"] = invoice["id"]
        collection.finalize_and_collect(mode, invoice)
    else:
        for line in made:
            changes.add_pending_item(mode, customer, line, found["id"])
    found |= {"status": "paused", "status_details": cycles.paused_details("pause_requested", now)}
    emit(mode, "customer.subscription.paused", found)
    emit(mode, "customer.subscription.updated", found)
    return found


@route("POST", "/v1/subscriptions/{id}/resume", "SubscriptionResumeParams", "subscription")
def resume_subscription(mode: Mode, params: Object, key: str) -> Object:
    """Source: docs.stripe.com/api/subscriptions/resume: a paused one, with an invoice for the period that begins."""
    only(params, "billing_cycle_anchor", "proration_behavior", "proration_date", "payment_behavior")
    found = mode.get("subscription", key, status=404)
    if found["status"] != "paused":
        raise invalid("Resuming subscriptions is only supported for subscriptions with the status `paused`.")
    now = mode.now(found["test_clock"])
    is_kept = (params.get("billing_cycle_anchor") or {}).get("type") == "unchanged"
    if not is_kept:
        found["billing_cycle_anchor"] = now
    interval, count = cycles.interval_of(mode, found)
    start, end = period_at(found["billing_cycle_anchor"], interval, count, now)
    cycles.set_period(mode, found, start, end)
    made: list[Object] = []
    for item in cycles.items_of(mode, found):
        if lines.is_metered(mode, item):
            mode.get("subscription_item", item["id"])["_usage_from"] = now
        elif not is_kept:
            made += lines.advance(mode, item, start, end)
        elif params.get("proration_behavior") != "none":
            line = lines.proration(mode, item, at=params.get("proration_date", now), is_credit=False)
            made += [line] if line is not None else []
    made += changes.take_pending_items(mode, found)
    _collect_resumption(mode, found, params, made, (start, end))
    return found


def _collect_resumption(mode: Mode, found: Object, params: Object, made: list[Object], period: tuple[int, int]) -> None:
    customer = mode.get("customer", found["customer"])
    invoice = invoicing.create(mode, customer, made, reason="subscription_update", currency=found["currency"],
                               subscription=found, period=period)  # fmt: skip
    found |= {"latest_invoice": invoice["id"], "_resumption": invoice["id"]}
    if params.get("payment_behavior") == "resume_on_payment_success":
        invoicing.finalize(mode, invoice)
        if invoice["status"] == "paid":
            collection.paid(mode, invoice)
        return
    collection.finalize_and_collect(mode, invoice)
    if invoice["status"] != "paid":  # resumed by the attempt, whatever came of it
        found |= {"status": "past_due", "status_details": None, "_resumption": None}
        emit(mode, "customer.subscription.resumed", found)
        emit(mode, "customer.subscription.updated", found)
