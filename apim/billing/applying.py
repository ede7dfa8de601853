"""Applying: what an event of Stripe leads to. The object is read anew each time; the event only says where to look."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from apim.billing.alarms import raise_alarm
from apim.billing.cards import follow_card, tells_new_card
from apim.billing.connection import Connection
from apim.billing.credits.settling import follow_top_up
from apim.billing.driver import Object
from apim.billing.folding import subscription_id_of
from apim.billing.invoices import sync_invoice
from apim.billing.mails import release_checkout, tell_action_required, tell_trial_end
from apim.billing.metering import count_usage, send_usage
from apim.billing.models import BillingAlarm, BillingSubscription, StripeEvent
from apim.billing.noticing import REPORTS, notice_deauthorized, notice_dispute, notice_drift, notice_meter_report
from apim.billing.reconciling import rate_invoice
from apim.billing.resuming import NOTHING, resume_with_card, take_in_card
from apim.billing.returning import follow_returned
from apim.billing.standing import sync_subscription
from apim.billing.true_ups import true_up

_WITHOUT_INVOICE: Final = ("invoice.upcoming", "invoice.deleted")


def apply(connection: Connection, event: StripeEvent) -> str:
    """What the event led to: English sentences, one a line (see apim.ui.said). Errors: Unmatched; DriverFailed."""
    told = json.loads(event.body)
    if told["type"] in REPORTS:
        return notice_meter_report(connection, told)
    if told["type"] == "account.application.deauthorized":
        return notice_deauthorized(connection, told["data"]["object"])
    found = (told.get("data") or {}).get("object") or {}
    handler = _HANDLERS.get(str(found.get("object", "")))
    return handler(connection, told, found) if handler else NOTHING


def _subscription(connection: Connection, told: Mapping[str, Any], found: Object) -> str:
    mirror = sync_subscription(connection, str(found["id"]))
    words = [_stands(mirror)]
    if told["type"] == "customer.subscription.trial_will_end" and tell_trial_end(mirror.subscription_id):
        words.append("Its payer is told when the trial ends.")
    if mirror.status == "paused":  # a card may have come before this event did
        words.append(resume_with_card(connection, mirror.stripe_id))
    return "\n".join(filter(None, words))


def _checkout(connection: Connection, told: Mapping[str, Any], found: Object) -> str:
    if found.get("mode") == "setup" and found.get("setup_intent"):
        intent = connection.driver.find("setup_intent", _text(found["setup_intent"]))
        return _setup_intent(connection, told, intent)
    if found.get("mode") == "payment":
        return follow_top_up(connection, found) or NOTHING
    if told["type"] == "checkout.session.expired":
        return "Its payer is reminded once." if release_checkout(connection, str(found["id"])) else NOTHING
    if stripe_id := subscription_id_of("checkout.session", found):
        return _stands(sync_subscription(connection, stripe_id))
    return "It is about no subscription."


def _setup_intent(connection: Connection, _told: Mapping[str, Any], found: Object) -> str:
    if found.get("status") != "succeeded" or not found.get("customer"):
        return NOTHING
    return take_in_card(connection, _text(found["customer"]), _text(found.get("payment_method")))


def _payment_method(connection: Connection, told: Mapping[str, Any], found: Object) -> str:
    if told["type"] == "payment_method.attached":
        return take_in_card(connection, _text(found.get("customer")), str(found["id"]))
    if told["type"] == "payment_method.detached":
        return take_in_card(connection, _holder_before(told, str(found["id"])))
    return NOTHING


def _holder_before(told: Mapping[str, Any], card: str) -> str:
    """Whose card it was: a detached one names nobody, so what was told when it was attached says it."""
    before = (told["data"].get("previous_attributes") or {}).get("customer")
    if before:
        return _text(before)
    attached = StripeEvent.objects.filter(type="payment_method.attached", object_id=card).first()
    return _text(json.loads(attached.body)["data"]["object"].get("customer")) if attached else ""


def _customer(connection: Connection, told: Mapping[str, Any], found: Object) -> str:
    if told["type"] != "customer.updated":
        return NOTHING
    words = [take_in_card(connection, str(found["id"]))]
    if tells_new_card(told):
        words.append(follow_card(connection, str(found["id"])))
    return "\n".join(word for word in words if word != NOTHING) or NOTHING


def _invoice(connection: Connection, told: Mapping[str, Any], found: Object) -> str:
    words, mirror = [], None
    if stripe_id := subscription_id_of("invoice", found):
        mirror = sync_subscription(connection, stripe_id)
        words.append(_stands(mirror))
    if told["type"] in _WITHOUT_INVOICE:
        return "\n".join(words) or NOTHING
    if told["type"] == "invoice.created" and mirror is not None:
        # It stays a draft for about an hour: what is known of its period reaches it.
        count_usage(connection, only=mirror.subscription_id)
        send_usage(connection, only=mirror.subscription_id)
    invoice = sync_invoice(connection, str(found["id"]))
    if told["type"] == "invoice.created":
        invoice = true_up(connection, invoice)
    if invoice.status != "draft":
        invoice = rate_invoice(invoice)
    words.append(f"Invoice {invoice} is {invoice.status}.")
    if told["type"] == "invoice.payment_action_required" and tell_action_required(invoice.stripe_id):
        words.append("Its payer is asked to confirm the payment.")
    if told["type"] == "invoice.finalization_failed":
        error = (found.get("last_finalization_error") or {}).get("message") or "No reason is told."
        text = ("An invoice could not be finalized.", "Nobody is charged until it is mended at Stripe.", error)
        raise_alarm(connection, BillingAlarm.Kind.FINALIZATION, invoice.stripe_id, "\n".join(text))
    return "\n".join(words)


def _given_back(connection: Connection, _told: Mapping[str, Any], found: Object) -> str:
    if found["object"] == "charge" and not found.get("amount_refunded"):
        return NOTHING
    return follow_top_up(connection, found) or follow_returned(connection, str(found["object"]), found)


def _dispute(connection: Connection, _told: Mapping[str, Any], found: Object) -> str:
    words = (follow_top_up(connection, found), notice_dispute(connection, found))
    return "\n".join(filter(None, words))


def _payment(connection: Connection, _told: Mapping[str, Any], found: Object) -> str:
    return follow_top_up(connection, found) or NOTHING


def _stands(mirror: BillingSubscription) -> str:
    return f"{mirror.subscription_id} is {mirror.status} at Stripe."


def _text(reference: object) -> str:
    if isinstance(reference, Mapping):
        return str(reference.get("id", ""))
    return str(reference or "")


_Handler = Callable[[Connection, Mapping[str, Any], Object], str]
_HANDLERS: Final[Mapping[str, _Handler]] = {
    "charge": _given_back,
    "checkout.session": _checkout,
    "credit_note": _given_back,
    "customer": _customer,
    "dispute": _dispute,
    "invoice": _invoice,
    "payment_intent": _payment,
    "payment_method": _payment_method,
    "price": notice_drift,
    "product": notice_drift,
    "refund": _given_back,
    "setup_intent": _setup_intent,
    "subscription": _subscription,
}
