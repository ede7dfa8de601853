"""Refunds. Source: docs.stripe.com/api/refunds, docs.stripe.com/refunds."""

from __future__ import annotations

from tests.stripe_server import cards
from tests.stripe_server.errors import invalid, missing_parameter
from tests.stripe_server.events import emit
from tests.stripe_server.parameters import metadata, one_of, only, put
from tests.stripe_server.routes import listing, retrieve, route
from tests.stripe_server.store import Mode, Object

route("GET", "/v1/refunds/{id}", "RefundRetrieveParams", "charge")(retrieve("refund"))
route("GET", "/v1/refunds", "RefundListParams", "charge")(listing("refund", "charge", "payment_intent"))


@route("POST", "/v1/refunds", "RefundCreateParams", "charge")
def create_refund(mode: Mode, params: Object) -> Object:
    only(params, "charge", "payment_intent", "amount", "reason", "metadata")
    named = one_of(params, "charge", "payment_intent")
    if named is None:
        raise missing_parameter("payment_intent")
    key = params["charge"] if named == "charge" else _charge_of(mode, params["payment_intent"])
    return refund(mode, mode.get("charge", key, param=named), params.get("amount"), params)


def _charge_of(mode: Mode, key: str) -> str:
    intent = mode.get("payment_intent", key, param="payment_intent")
    if intent["status"] != "succeeded":
        raise invalid(
            f"This PaymentIntent ({key}) does not have a successful charge to refund.", param="payment_intent"
        )
    return str(intent["latest_charge"])


def refund(mode: Mode, charge: Object, amount: int | None, params: Object) -> Object:
    """Give back all that is left, or a part of it.

    Errors: StripeError charge_already_refunded, or an amount beyond what is left.
    """
    left = charge["amount_captured"] - charge["amount_refunded"]
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} has not been captured.", param="charge")
    if left == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    wanted = left if amount is None else amount
    if wanted < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if wanted > left:
        raise invalid(f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})", param="amount")
    method = mode.peek("payment_method", charge["payment_method"]) or {}
    made = mode.add(
        "refund",
        {"amount": wanted, "charge": charge["id"], "currency": charge["currency"], "customer": charge["customer"],
         "destination_details": {"type": "card", "card": {
             "type": "refund", "reference_type": "acquirer_reference_number", "reference_status": "pending"}},
         "metadata": metadata(None, params.get("metadata")), "payment_intent": charge["payment_intent"],
         "status": "succeeded"},
        clock=mode.clock_of(charge["customer"]),
    )  # fmt: skip
    put(made, params, "reason")
    charge["amount_refunded"] += wanted
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    emit(mode, "refund.created", made)
    emit(mode, "charge.refunded", charge)
    if method and cards.CARDS[method["_number"]].refund_fails:
        _fail(mode, made, charge)
    return made


def _fail(mode: Mode, made: Object, charge: Object) -> None:
    """Source: docs.stripe.com/testing#refunds: the card whose refunds fail later."""
    made |= {"status": "failed", "failure_reason": "unknown"}
    charge["amount_refunded"] -= made["amount"]
    charge["refunded"] = False
    emit(mode, "refund.updated", made)
    emit(mode, "refund.failed", made)


@route("POST", "/v1/refunds/{id}", "RefundUpdateParams", "charge")
def update_refund(mode: Mode, params: Object, key: str) -> Object:
    found = mode.get("refund", key, status=404)
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    emit(mode, "refund.updated", found)
    return found
