"""Payment methods. Source: docs.stripe.com/api/payment_methods, docs.stripe.com/testing."""

from __future__ import annotations

import hashlib

from tests.stripe_server import cards
from tests.stripe_server.errors import invalid, missing_parameter
from tests.stripe_server.events import emit
from tests.stripe_server.parameters import metadata, only, put
from tests.stripe_server.routes import Listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_EXPIRES = (12, 2034)

route("GET", "/v1/payment_methods/{id}", "PaymentMethodRetrieveParams", "payment_method")(retrieve("payment_method"))


def make(mode: Mode, card: cards.Card, *, details: Object | None = None, given: Object | None = None) -> Object:
    """A new payment method of a test card."""
    if mode.livemode:
        raise invalid(
            "Your card was declined. Your request was in live mode, but used a known test card.", code="card_declined"
        )
    month, year = (given or {}).get("exp_month", _EXPIRES[0]), (given or {}).get("exp_year", _EXPIRES[1])
    shown = {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": hashlib.sha256(card.number.encode()).hexdigest()[:16],
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    billing = {"address": address, "email": None, "name": None, "phone": None, "tax_id": None} | (details or {})
    return mode.add(
        "payment_method",
        {"allow_redisplay": "unspecified", "billing_details": billing, "card": shown, "customer": None, "metadata": {},
         "type": "card", "_number": card.number, "_is_set_up": False},
    )  # fmt: skip


def find(mode: Mode, key: str, param: str = "payment_method") -> Object:
    """The payment method of an id, or a new one of a test name such as `pm_card_visa`."""
    card = cards.named(key)
    if card is not None and key.startswith("pm_card_"):
        return make(mode, card)
    return mode.get("payment_method", key, param=param)


def attach(mode: Mode, method: Object, customer: Object) -> Object:
    """Save the method for later.

    Errors: StripeError (402) for a card that its issuer declines, or one that is attached elsewhere.
    """
    if method["customer"] == customer["id"]:
        return method
    if method["customer"] is not None:
        raise invalid(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    card = cards.CARDS[method["_number"]]
    if not card.attaches:
        raise cards.declined(card.decline)
    method["customer"] = customer["id"]
    emit(mode, "payment_method.attached", method)
    return method


@route("POST", "/v1/payment_methods", "PaymentMethodCreateParams", "payment_method")
def create_payment_method(mode: Mode, params: Object) -> Object:
    only(params, "type", "card", "billing_details", "metadata", "allow_redisplay")
    if params.get("type") != "card" or "card" not in params:
        raise missing_parameter("card" if params.get("type") == "card" else "type")
    given = params["card"]
    if "token" in given:
        card = cards.named(given["token"])
        if card is None:
            raise invalid(f"No such token: '{given['token']}'", param="card[token]", code="resource_missing")
    else:
        card = cards.numbered(given["number"])
    made = make(mode, card, details=params.get("billing_details"), given=given)
    made["metadata"] = metadata(None, params.get("metadata"))
    put(made, params, "allow_redisplay")
    return made


@route("POST", "/v1/payment_methods/{id}", "PaymentMethodUpdateParams", "payment_method")
def update_payment_method(mode: Mode, params: Object, key: str) -> Object:
    only(params, "billing_details", "metadata", "allow_redisplay", "card")
    found = mode.get("payment_method", key, status=404)
    if found["customer"] is None:
        raise invalid(
            "You must save this PaymentMethod to a customer before you can update it.",
            code="payment_method_unexpected_state",
        )
    found["billing_details"] |= params.get("billing_details") or {}
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    put(found["card"], params.get("card", {}), "exp_month", "exp_year")
    emit(mode, "payment_method.updated", found)
    return found


@route("POST", "/v1/payment_methods/{id}/attach", "PaymentMethodAttachParams", "payment_method")
def attach_payment_method(mode: Mode, params: Object, key: str) -> Object:
    only(params, "customer")
    if "customer" not in params:
        raise missing_parameter("customer")
    customer = mode.get("customer", params["customer"], param="customer")
    return attach(mode, find(mode, key), customer)


@route("POST", "/v1/payment_methods/{id}/detach", "PaymentMethodDetachParams", "payment_method")
def detach_payment_method(mode: Mode, _params: Object, key: str) -> Object:
    """It can never be used again. Source: docs.stripe.com/api/payment_methods/detach."""
    found = mode.get("payment_method", key, status=404)
    if found["customer"] is None:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            code="payment_method_unexpected_state",
        )
    customer = mode.get("customer", found["customer"])
    found["customer"] = None
    if customer["invoice_settings"]["default_payment_method"] == key:
        customer["invoice_settings"]["default_payment_method"] = None
        emit(mode, "customer.updated", customer)
    for each in list(mode.all("subscription", default_payment_method=key)):
        mode.get("subscription", each["id"])["default_payment_method"] = None
    emit(mode, "payment_method.detached", found)
    return found


@route("GET", "/v1/payment_methods", "PaymentMethodListParams", "payment_method")
def list_payment_methods(mode: Mode, params: Object) -> Listing:
    only(params, "customer", "type", "limit", "starting_after", "ending_before")
    equal = {name: params[name] for name in ("customer", "type") if name in params}
    return Listing("payment_method", [each for each in mode.all("payment_method", **equal) if each["customer"]])
