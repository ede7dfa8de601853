"""A subscription through time: its first invoice, trial ends, renewals, ends.

Source: docs.stripe.com/billing/subscriptions/overview, docs.stripe.com/billing/subscriptions/trials.
"""

from __future__ import annotations

from tests.stripe_server.billing import changes, collection, invoicing, lines
from tests.stripe_server.billing.periods import period_at
from tests.stripe_server.events import emit
from tests.stripe_server.store import Mode, Object

INCOMPLETE_S = 23 * 3600  # Source: docs.stripe.com/billing/subscriptions/overview (23 hours)
TRIAL_WARNING_S = 3 * 86400  # Source: customer.subscription.trial_will_end
_BILLED = {"active", "trialing", "past_due", "unpaid"}


def items_of(mode: Mode, subscription: Object) -> list[Object]:
    """To read; oldest first."""
    items = mode.objects.get("subscription_item", {}).values()
    return [each for each in items if each["subscription"] == subscription["id"]]


def interval_of(mode: Mode, subscription: Object) -> tuple[str, int]:
    recurring = lines.price_of(mode, items_of(mode, subscription)[0])["recurring"]
    return recurring["interval"], recurring["interval_count"]


def set_period(mode: Mode, subscription: Object, start: int, end: int) -> None:
    """Move every item to the period."""
    for item in items_of(mode, subscription):
        kept = mode.get("subscription_item", item["id"])
        kept |= {"current_period_start": start, "current_period_end": end, "_usage_from": None, "_paid": None}


def period_end(mode: Mode, subscription: Object) -> int:
    return min(item["current_period_end"] for item in items_of(mode, subscription))


def renew(mode: Mode, subscription: Object) -> None:
    """Begin the next period: usage of the last one and the fees of the next on a draft invoice."""
    end = period_end(mode, subscription)
    was_trial = subscription["status"] == "trialing" and end == subscription["trial_end"]
    if was_trial and _ends_without_card(mode, subscription):
        return
    made = [line for item in items_of(mode, subscription) for line in usage_lines(mode, subscription, item, was_trial)]
    interval, count = interval_of(mode, subscription)
    following = period_at(subscription["billing_cycle_anchor"], interval, count, end)[1]
    set_period(mode, subscription, end, following)
    for item in items_of(mode, subscription):
        if not lines.is_metered(mode, item):
            made += lines.advance(mode, item, end, following)
    made += changes.take_pending_items(mode, subscription)
    if was_trial:
        subscription["status"] = "active"
    invoice = cycle_invoice(mode, subscription, made, (end, following))
    emit(mode, "customer.subscription.updated", subscription)
    if _is_collection_paused(mode, subscription, invoice):
        return
    if subscription["status"] == "unpaid":
        invoice |= {"auto_advance": False, "automatically_finalizes_at": None}
        emit(mode, "invoice.updated", invoice)


def usage_lines(mode: Mode, subscription: Object, item: Object, was_trial: bool = False) -> list[Object]:  # noqa: FBT002
    """A metered item's lines of the period that ends; a trial's usage is not billed."""
    if not lines.is_metered(mode, item) or was_trial:
        return []
    start, end = item["current_period_start"], item["current_period_end"]
    return lines.arrears(mode, item, subscription["customer"], start, end)


def cycle_invoice(mode: Mode, subscription: Object, made: list[Object], period: tuple[int, int]) -> Object:
    """A draft that finalizes itself after an hour, until when late usage is still counted."""
    customer = mode.get("customer", subscription["customer"])
    now = mode.now(subscription["test_clock"])
    wait = mode.settings.get("finalizes_after", invoicing.FINALIZES_AFTER_S)
    invoice = invoicing.create(
        mode, customer, made, reason="subscription_cycle", currency=subscription["currency"],
        subscription=subscription, period=period, automatically_finalizes_at=now + wait,
        _days_until_due=subscription.get("days_until_due"),
    )  # fmt: skip
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def refresh_usage(mode: Mode, invoice: Object) -> None:
    """Count usage that came in while the invoice was a draft.

    Source: docs.stripe.com/billing/subscriptions/usage-based/manage-billing-setup (grace period of the draft).
    """
    subscription = mode.peek("subscription", invoice["_subscription"] or "")
    if subscription is None:
        return
    old = invoicing.lines_of(mode, invoice)
    seen = set()
    for line in old:
        item = mode.peek("subscription_item", line["_item"] or "")
        price = mode.peek("price", line["pricing"]["price_details"]["price"]) if line["_item"] else None
        if item is None or price is None or price["recurring"]["usage_type"] != "metered" or line.get("_invoice_item"):
            continue
        mode.remove("line_item", line["id"])
        if item["id"] in seen:
            continue
        seen.add(item["id"])
        past = item | {"price": price["id"], "_usage_from": line["period"]["start"]}
        period = line["period"]
        for fresh in lines.arrears(mode, past, subscription["customer"], period["start"], period["end"]):
            invoicing.add_line(mode, invoice, fresh)
    invoicing.recount(mode, invoice)


def finalize_draft(mode: Mode, invoice: Object) -> None:
    """The hour of a draft is over."""
    refresh_usage(mode, invoice)
    subscription = mode.peek("subscription", invoice["_subscription"] or "")
    if subscription and _is_collection_paused(mode, mode.get("subscription", subscription["id"]), invoice):
        return
    collection.finalize_and_collect(mode, invoice)


def _is_collection_paused(mode: Mode, subscription: Object, invoice: Object) -> bool:
    """Source: docs.stripe.com/billing/subscriptions/pause-payment."""
    paused = subscription.get("pause_collection")
    if not paused or invoice["status"] != "draft":
        return False
    if paused["behavior"] == "keep_as_draft":
        invoice |= {"auto_advance": False, "automatically_finalizes_at": None}
        emit(mode, "invoice.updated", invoice)
        return True
    if invoice["automatically_finalizes_at"] and invoice["automatically_finalizes_at"] > mode.now(
        invoice["test_clock"]
    ):
        return False
    invoicing.finalize(mode, invoice)
    if invoice["status"] == "open":
        {"void": invoicing.void, "mark_uncollectible": invoicing.mark_uncollectible}[paused["behavior"]](mode, invoice)
    return True


def _ends_without_card(mode: Mode, subscription: Object) -> bool:
    """Source: docs.stripe.com/payments/checkout/free-trials#missing-payment-methods."""
    behavior = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    customer = mode.peek("customer", subscription["customer"]) or {}
    has_card = subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]
    if has_card or behavior == "create_invoice" or subscription["collection_method"] == "send_invoice":
        return False
    if behavior == "cancel":
        changes.end_now(mode, subscription, reason=None)
        return True
    now = mode.now(subscription["test_clock"])
    subscription |= {"status": "paused", "status_details": paused_details("trial_end_without_payment_method", now)}
    emit(mode, "customer.subscription.paused", subscription)
    emit(mode, "customer.subscription.updated", subscription)
    return True


def paused_details(reason: str, at: int) -> Object:
    return {"paused": {"subscription": {"type": reason}, "transitioned_at": at, "type": "subscription"}}


def warn_of_trial_end(mode: Mode, subscription: Object) -> None:
    """Three days before, or at once for a shorter trial."""
    subscription["_is_warned"] = True
    emit(mode, "customer.subscription.trial_will_end", subscription)


def expire_incomplete(mode: Mode, subscription: Object) -> None:
    """Not paid within 23 hours."""
    subscription |= {"status": "incomplete_expired", "ended_at": mode.now(subscription["test_clock"])}
    invoice = mode.get("invoice", subscription["latest_invoice"])
    if invoice["status"] == "open":
        invoicing.void(mode, invoice)
    emit(mode, "customer.subscription.updated", subscription)


def end_at_period_end(mode: Mode, subscription: Object) -> None:
    """The last period is over: its usage is invoiced, then the subscription ends."""
    made = [line for item in items_of(mode, subscription) for line in usage_lines(mode, subscription, item)]
    made += changes.take_pending_items(mode, subscription)
    if made and subscription["status"] in _BILLED - {"trialing"}:
        now = mode.now(subscription["test_clock"])
        cycle_invoice(mode, subscription, made, (now, now))
    changes.end_now(mode, subscription, reason="cancellation_requested")
