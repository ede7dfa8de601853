"""Collecting invoices: the first attempt, retries, and what they do to the subscription.

Source: docs.stripe.com/billing/subscriptions/overview (statuses),
docs.stripe.com/billing/revenue-recovery/smart-retries.
"""

from __future__ import annotations

from tests.stripe_server.billing import changes, invoicing, payments
from tests.stripe_server.cards import HARD_DECLINES
from tests.stripe_server.errors import StripeError, card_error, invalid
from tests.stripe_server.events import emit
from tests.stripe_server.store import Mode, Object

_DAY_S = 86400
# Smart Retries choose their moments; the recommended default is 8 tries in 2 weeks, here at fixed ones.
RETRY_DAYS = (1, 2, 4, 6, 8, 10, 12, 14)
AFTER_RETRIES = "unpaid"  # the account's setting: cancel, unpaid or past_due
_CAN_OWE = {"active", "trialing", "past_due", "unpaid"}


def method_for(mode: Mode, invoice: Object) -> Object | None:
    """The payment method that is charged. Source: docs.stripe.com/api/invoices/object (default_payment_method)."""
    subscription = mode.peek("subscription", invoice["_subscription"] or "") or {}
    customer = mode.peek("customer", invoice["customer"]) or {}
    settings = customer.get("invoice_settings") or {}
    for key in (
        invoice["default_payment_method"], subscription.get("default_payment_method"),
        settings.get("default_payment_method"),
    ):  # fmt: skip
        if key and (found := mode.peek("payment_method", key)) is not None:
            return found
    return None


def pay(
    mode: Mode, invoice: Object, method: Object | None, *, off_session: bool, is_automatic: bool
) -> StripeError | None:
    """One attempt to collect an open invoice; the error says why it failed, the objects tell the same."""
    invoice["attempted"] = True
    intent = invoicing.intent_of(mode, invoice)
    if intent is None:
        invoicing.mark_paid(mode, invoice)
        paid(mode, invoice)
        return None
    invoice["attempt_count"] += 1
    if method is None:
        error: StripeError | None = _no_method()
    else:
        error = payments.confirm(mode, intent, method, off_session=off_session)
    if intent["status"] == "succeeded":
        _save_method(mode, invoice, intent)
        invoicing.mark_paid(mode, invoice)
        paid(mode, invoice)
        return None
    needs_holder = intent["status"] == "requires_action" or _code(error) == "authentication_required"
    invoice["_failed_method"] = method["id"] if method else None
    invoice["_failed_code"] = error.fields.get("decline_code") or error.fields.get("code") if error else None
    failed(mode, invoice, needs_holder=needs_holder, is_automatic=is_automatic)
    if error is None:
        error = card_error(
            "Payment for this subscription requires additional user action before it can be completed successfully. "
            "Payment can be completed using the PaymentIntent associated with `invoice.payments`.",
            code="invoice_payment_intent_requires_action" if invoice["billing_reason"] == "manual"
            else "subscription_payment_intent_requires_action",
        )  # fmt: skip
    return error


def _code(error: StripeError | None) -> str | None:
    return error.fields.get("code") if error is not None else None


def _no_method() -> StripeError:
    error = invalid(
        "This customer has no attached payment source or default payment method. Please consider adding a default "
        "payment method. For more information, visit "
        "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
        code="resource_missing",
    )
    error.keeps_changes = True
    return error


def _save_method(mode: Mode, invoice: Object, intent: Object) -> None:
    """Source: docs.stripe.com/api/subscriptions/object (payment_settings.save_default_payment_method)."""
    subscription = mode.peek("subscription", invoice["_subscription"] or "")
    if subscription and subscription["payment_settings"]["save_default_payment_method"] == "on_subscription":
        mode.get("subscription", subscription["id"])["default_payment_method"] = intent["payment_method"]


def paid(mode: Mode, invoice: Object) -> None:
    """What a paid invoice does to its subscription."""
    key = invoice["_subscription"]
    if not key or mode.peek("subscription", key) is None:
        return
    subscription = mode.get("subscription", key)
    if subscription.get("_pending") and subscription["_pending"]["invoice"] == invoice["id"]:
        changes.apply_pending(mode, subscription)
    was = subscription["status"]
    if was == "paused" and invoice["id"] == subscription.get("_resumption"):
        subscription |= {"status": "active", "status_details": None, "_resumption": None}
        emit(mode, "customer.subscription.resumed", subscription)
        emit(mode, "customer.subscription.updated", subscription)
    elif was == "incomplete" or (was in {"past_due", "unpaid"} and _is_settled(mode, subscription, invoice)):
        is_trial = (subscription["trial_end"] or 0) > mode.now(subscription["test_clock"])
        subscription["status"] = "trialing" if is_trial else "active"
        emit(mode, "customer.subscription.updated", subscription)


def _is_settled(mode: Mode, subscription: Object, invoice: Object) -> bool:
    """Whether the subscription's most recent invoice no longer waits for money."""
    latest = mode.peek("invoice", subscription["latest_invoice"]) or invoice
    return latest["status"] in {"paid", "void", "uncollectible"}


def failed(mode: Mode, invoice: Object, *, needs_holder: bool, is_automatic: bool) -> None:
    """What a failed attempt does: the next one is planned, the subscription is past due."""
    key = invoice["_subscription"]
    subscription = mode.get("subscription", key) if key and mode.peek("subscription", key) else None
    is_first = subscription is not None and subscription["status"] in {"incomplete", "paused"}
    if is_automatic and not is_first and not (subscription or {}).get("_pending"):
        _plan_retry(mode, invoice)
    emit(mode, "invoice.payment_failed", invoice)
    if needs_holder:
        emit(mode, "invoice.payment_action_required", invoice)
    emit(mode, "invoice.updated", invoice)
    if subscription is None or is_first or subscription.get("_pending"):
        return
    if is_automatic and invoice["next_payment_attempt"] is None and invoice["_retries"] > len(_retry_days(mode)):
        _give_up(mode, invoice, subscription)
    elif subscription["status"] in {"active", "trialing"} and subscription["latest_invoice"] == invoice["id"]:
        subscription["status"] = "past_due"
        emit(mode, "customer.subscription.updated", subscription)


def _retry_days(mode: Mode) -> tuple[int, ...]:
    return tuple(mode.settings.get("retry_days", RETRY_DAYS))


def _plan_retry(mode: Mode, invoice: Object) -> None:
    first = invoice.setdefault("_first_failed", mode.now(invoice["test_clock"]))
    tries = invoice.setdefault("_retries", 0)
    days = _retry_days(mode)
    invoice["_retries"] = tries + 1
    invoice["next_payment_attempt"] = first + days[tries] * _DAY_S if tries < len(days) else None


def retry(mode: Mode, invoice: Object) -> None:
    """A planned attempt; after a hard decline it is only made with another card.

    Source: docs.stripe.com/billing/revenue-recovery/smart-retries#how-it-works (non-retryable decline codes).
    """
    method = method_for(mode, invoice)
    is_same = (method or {}).get("id") == invoice["_failed_method"]
    if is_same and invoice.get("_failed_code") in HARD_DECLINES:
        _plan_retry(mode, invoice)
        emit(mode, "invoice.updated", invoice)
        key = invoice["_subscription"]
        if invoice["next_payment_attempt"] is None and key:
            _give_up(mode, invoice, mode.get("subscription", key))
        return
    pay(mode, invoice, method, off_session=True, is_automatic=True)


def _give_up(mode: Mode, invoice: Object, subscription: Object) -> None:
    """After the last retry. Source: docs.stripe.com/billing/subscriptions/overview#unpaid-subscriptions."""
    action = mode.settings.get("after_retries", AFTER_RETRIES)
    if action == "cancel":
        changes.end_now(mode, subscription, reason="payment_failed")
    elif action == "unpaid" and subscription["status"] in _CAN_OWE:
        subscription["status"] = "unpaid"
        emit(mode, "customer.subscription.updated", subscription)
    elif subscription["status"] in {"active", "trialing"}:
        subscription["status"] = "past_due"
        emit(mode, "customer.subscription.updated", subscription)


def finalize_and_collect(mode: Mode, invoice: Object) -> StripeError | None:
    """What happens to a draft when its hour is over, or at once for a first invoice."""
    invoicing.finalize(mode, invoice)
    if invoice["status"] == "paid":
        paid(mode, invoice)
        return None
    if invoice["collection_method"] == "send_invoice":
        emit(mode, "invoice.sent", invoice)
        return None
    return pay(mode, invoice, method_for(mode, invoice), off_session=True, is_automatic=True)
