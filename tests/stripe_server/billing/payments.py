"""Charging a card for a PaymentIntent.

Source: docs.stripe.com/payments/paymentintents/lifecycle, docs.stripe.com/api/charges, docs.stripe.com/testing.
"""

from __future__ import annotations

import secrets
from typing import Any

from tests.stripe_server import cards
from tests.stripe_server.errors import StripeError, card_error
from tests.stripe_server.events import emit
from tests.stripe_server.objects.disputes import open_dispute
from tests.stripe_server.store import Mode, Object

_NOT_AGAIN = {"succeeded", "canceled"}


def create_intent(mode: Mode, amount: int, currency: str, **fields: Any) -> Object:
    """A PaymentIntent that waits for a payment method."""
    clock = mode.clock_of(fields.get("customer"))
    made = mode.add(
        "payment_intent",
        {
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "amount_details": {"tip": {}},
            "automatic_payment_methods": None,
            "capture_method": "automatic",
            "confirmation_method": "automatic",
            "currency": currency,
            "metadata": {},
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
        }
        | fields,
        clock=clock,
    )
    made["client_secret"] = f"{made['id']}_secret_{secrets.token_hex(12)}"
    emit(mode, "payment_intent.created", made)
    return made


def confirm(mode: Mode, intent: Object, method: Object, *, off_session: bool) -> StripeError | None:
    """Try to pay; the error says why not. The intent and its charge tell the same."""
    card = cards.CARDS[method["_number"]]
    intent["payment_method"] = method["id"]
    if _must_authenticate(card, method) and not off_session:
        intent["status"] = "requires_action"
        intent["next_action"] = {
            "type": "redirect_to_url",
            "redirect_to_url": {
                "return_url": intent.get("_return_url"),
                "url": f"{mode.address}/authenticate/{intent['id']}",
            },
        }
        emit(mode, "payment_intent.requires_action", intent)
        return None
    decline = card.decline if card.authentication != "then_declined" or method.get("_is_set_up") else ""
    if _must_authenticate(card, method):
        decline = "authentication_required"
    return settle(mode, intent, method, decline)


def _must_authenticate(card: cards.Card, method: Object) -> bool:
    if card.authentication == "unless_set_up":
        return not method.get("_is_set_up")
    return card.authentication in {"always", "then_declined"}


def settle(mode: Mode, intent: Object, method: Object, decline: str) -> StripeError | None:
    """Record the charge that the issuer accepted, or declined."""
    intent["next_action"] = None
    charge = _charge(mode, intent, method)
    intent["latest_charge"] = charge["id"]
    if decline:
        error = cards.declined(decline)
        charge |= {
            "status": "failed", "paid": False, "captured": False, "amount_captured": 0,
            "failure_code": error.fields["code"], "failure_message": error.fields["message"],
            "outcome": _outcome(decline),
        }  # fmt: skip
        error.fields |= {"charge": charge["id"]}
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = dict(error.fields) | {"payment_method": _shown(method)}
        intent["payment_method"] = None
        emit(mode, "charge.failed", charge)
        emit(mode, "payment_intent.payment_failed", intent)
        return error
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
    emit(mode, "charge.succeeded", charge)
    emit(mode, "payment_intent.succeeded", intent)
    if cards.CARDS[method["_number"]].disputes:
        open_dispute(mode, charge)
    return None


def authenticated(mode: Mode, intent: Object, *, is_successful: bool) -> StripeError | None:
    """What follows on the issuer's page, where the holder proved (or did not) who they are."""
    method = mode.get("payment_method", intent["payment_method"])
    if is_successful:
        card = cards.CARDS[method["_number"]]
        return settle(mode, intent, method, card.decline if card.authentication == "then_declined" else "")
    error = card_error(
        "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
        code="payment_intent_authentication_failure",
    )
    intent |= {"status": "requires_payment_method", "next_action": None, "payment_method": None}
    intent["last_payment_error"] = dict(error.fields) | {"payment_method": _shown(method)}
    emit(mode, "payment_intent.payment_failed", intent)
    return error


def cancel(mode: Mode, intent: Object, reason: str) -> None:
    """End an intent that was not paid."""
    if intent["status"] in _NOT_AGAIN:
        return
    intent |= {"status": "canceled", "canceled_at": mode.now(mode.clock_of(intent.get("customer")))}
    intent |= {"cancellation_reason": reason, "next_action": None}
    emit(mode, "payment_intent.canceled", intent)


def _charge(mode: Mode, intent: Object, method: Object) -> Object:
    return mode.add(
        "charge",
        {
            "amount": intent["amount"],
            "amount_captured": intent["amount"],
            "amount_refunded": 0,
            "billing_details": dict(method["billing_details"]),
            "captured": True,
            "currency": intent["currency"],
            "customer": intent.get("customer"),
            "description": intent.get("description"),
            "disputed": False,
            "metadata": dict(intent["metadata"]),
            "outcome": _outcome(""),
            "paid": True,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {"type": "card", "card": dict(method["card"])},
            "receipt_url": f"{mode.address}/receipts/{intent['id']}",
            "refunded": False,
            "status": "succeeded",
        },
        clock=mode.clock_of(intent.get("customer")),
    )


def _outcome(decline: str) -> Object:
    return {
        "network_status": "declined_by_network" if decline else "approved_by_network",
        "reason": decline or None,
        "risk_level": "normal",
        "seller_message": "The bank did not return any further details with this decline."
        if decline
        else "Payment complete.",
        "type": "issuer_declined" if decline else "authorized",
    }


def _shown(method: Object) -> Object:
    return {name: value for name, value in method.items() if not name.startswith("_")}
