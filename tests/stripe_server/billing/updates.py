"""What an update of a subscription does now, and what it would do.

Source: docs.stripe.com/api/subscriptions/update, docs.stripe.com/api/invoices/create_preview.
"""

from __future__ import annotations

import copy

from tests.stripe_server.billing import changes, collection, cycles, invoicing, lines
from tests.stripe_server.billing.periods import period_at
from tests.stripe_server.errors import StripeError
from tests.stripe_server.events import emit
from tests.stripe_server.store import Mode, Object


def update(mode: Mode, subscription: Object, params: Object, one_offs: list[Object]) -> None:
    """Change items, anchor and trial; invoice what is due at once."""
    before = copy.deepcopy(subscription)
    items = copy.deepcopy(cycles.items_of(mode, subscription))
    invoice = change(mode, subscription, params, one_offs)
    if invoice is not None:
        _collect(mode, subscription, params, invoice, before, items)
    emit(mode, "customer.subscription.updated", subscription)


def change(mode: Mode, subscription: Object, params: Object, one_offs: list[Object]) -> Object | None:
    """The draft of the invoice that the change asks for at once, if any."""
    now = mode.now(subscription["test_clock"])
    at = params.get("proration_date", now)
    behavior = params.get("proration_behavior", "create_prorations")
    old_interval = cycles.interval_of(mode, subscription)
    made = changes.change_items(mode, subscription, params.get("items", []), at=at, prorates=behavior != "none")
    made += one_offs
    is_new_cycle = cycles.interval_of(mode, subscription) != old_interval and subscription["status"] != "trialing"
    is_new_cycle = is_new_cycle or (params.get("billing_cycle_anchor") or {}).get("type") == "now"
    if "trial_end" in params:
        is_new_cycle = _set_trial(mode, subscription, params["trial_end"], now) or is_new_cycle
    if is_new_cycle:
        made = [line for line in made if line["amount"] <= 0 or not line["_is_proration"]]
        if not params.get("items") and behavior != "none" and subscription["status"] != "trialing":
            made += _credits(mode, subscription, at)
        made += _restart(mode, subscription, now)
    elif behavior != "always_invoice":
        customer = mode.get("customer", subscription["customer"])
        for line in made:
            changes.add_pending_item(mode, customer, line, subscription["id"])
        return None
    made += changes.take_pending_items(mode, subscription)
    if not made:
        return None
    return _invoice(mode, subscription, made, now)


def _invoice(mode: Mode, subscription: Object, made: list[Object], now: int) -> Object:
    item = cycles.items_of(mode, subscription)[0]
    invoice = invoicing.create(
        mode, mode.get("customer", subscription["customer"]), made, reason="subscription_update",
        currency=subscription["currency"], subscription=subscription,
        period=(item["current_period_start"], now), _days_until_due=subscription.get("days_until_due"),
    )  # fmt: skip
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def _set_trial(mode: Mode, subscription: Object, end: int | str, now: int) -> bool:
    """Start, move or end the trial; True when a paid period begins at once."""
    if end == "now" or int(end) <= now:
        was_trial = subscription["status"] == "trialing"
        subscription["trial_end"] = now if was_trial else subscription["trial_end"]
        if was_trial:
            subscription["status"] = "active"
        return was_trial
    subscription |= {"status": "trialing", "trial_start": subscription["trial_start"] or now, "trial_end": int(end)}
    subscription |= {"billing_cycle_anchor": int(end), "_is_warned": False}
    cycles.set_period(mode, subscription, now, int(end))
    return False


def _credits(mode: Mode, subscription: Object, at: int) -> list[Object]:
    made = [
        lines.proration(mode, item, at=at, is_credit=True)
        for item in cycles.items_of(mode, subscription)
        if not lines.is_metered(mode, item)
    ]
    return [line for line in made if line is not None]


def _restart(mode: Mode, subscription: Object, now: int) -> list[Object]:
    """Begin a new period now: usage so far, and the fees of the new period."""
    made = []
    if (subscription["trial_end"] or 0) != now:
        for item in cycles.items_of(mode, subscription):
            if lines.is_metered(mode, item):
                start = item["current_period_start"]
                made += lines.arrears(mode, item, subscription["customer"], start, now)
    subscription["billing_cycle_anchor"] = now
    interval, count = cycles.interval_of(mode, subscription)
    start, end = period_at(now, interval, count, now)
    cycles.set_period(mode, subscription, start, end)
    for item in cycles.items_of(mode, subscription):
        if not lines.is_metered(mode, item):
            made += lines.advance(mode, item, start, end)
    return made


def _collect(
    mode: Mode, subscription: Object, params: Object, invoice: Object, before: Object, items: list[Object]
) -> None:
    behavior = params.get("payment_behavior", "allow_incomplete")
    if behavior == "default_incomplete":
        invoicing.finalize(mode, invoice)
        if invoice["status"] == "open":
            subscription["status"] = "past_due"
        return
    if behavior != "pending_if_incomplete":
        error = collection.finalize_and_collect(mode, invoice)
        if error is not None and behavior == "error_if_incomplete":
            error.keeps_changes = False
            raise error
        return
    error = _try(mode, subscription, invoice)
    if error is not None:
        changes.hold_back(mode, subscription, before, items, invoice)


def _try(mode: Mode, subscription: Object, invoice: Object) -> StripeError | None:
    """Collect as for a pending update: a failure plans no retry and does not make the subscription past due."""
    subscription["_pending"] = {"invoice": None}
    error = collection.finalize_and_collect(mode, invoice)
    subscription["_pending"] = None
    return error


def upcoming(mode: Mode, subscription: Object) -> Object:
    """A draft of the next invoice as things are."""
    now = mode.now(subscription["test_clock"])
    end = cycles.period_end(mode, subscription)
    interval, count = cycles.interval_of(mode, subscription)
    is_ending = subscription["cancel_at_period_end"] or (subscription["cancel_at"] or end + 1) <= end
    following = period_at(subscription["billing_cycle_anchor"], interval, count, end)[1]
    was_trial = subscription["status"] == "trialing"
    made = []
    for item in cycles.items_of(mode, subscription):
        made += cycles.usage_lines(mode, subscription, item, was_trial)
        if not lines.is_metered(mode, item) and not is_ending:
            made += lines.advance(mode, item, end, following)
    made += changes.take_pending_items(mode, subscription)
    return invoicing.create(
        mode, mode.get("customer", subscription["customer"]), made, reason="upcoming",
        currency=subscription["currency"],
        subscription=subscription, period=(cycles.items_of(mode, subscription)[0]["current_period_start"], end),
        created=end, next_payment_attempt=end + invoicing.FINALIZES_AFTER_S, _at=now,
    )  # fmt: skip
