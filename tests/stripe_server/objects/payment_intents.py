"""PaymentIntents and charges. Source: docs.stripe.com/api/payment_intents, docs.stripe.com/api/charges."""

from __future__ import annotations

from tests.stripe_server import money
from tests.stripe_server.billing import collection, invoicing, payments
from tests.stripe_server.errors import StripeError, invalid
from tests.stripe_server.objects import payment_methods
from tests.stripe_server.parameters import customer_of, metadata, only, put
from tests.stripe_server.rendering import as_list, includes
from tests.stripe_server.routes import listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_GIVEN = ("amount", "currency", "customer", "payment_method", "payment_method_types", "confirm", "off_session",
          "setup_future_usage", "metadata", "description", "automatic_payment_methods", "receipt_email",
          "statement_descriptor_suffix", "return_url", "error_on_requires_action")  # fmt: skip

route("GET", "/v1/payment_intents/{id}", "PaymentIntentRetrieveParams", "payment_intent")(retrieve("payment_intent"))
route("GET", "/v1/payment_intents", "PaymentIntentListParams", "payment_intent")(listing("payment_intent", "customer"))
route("GET", "/v1/charges/{id}", "ChargeRetrieveParams", "charge")(retrieve("charge"))
route("GET", "/v1/charges", "ChargeListParams", "charge")(listing("charge", "customer", "payment_intent"))


@includes("charge", "refunds")
def refunds_of(mode: Mode, shown: Object) -> Object:
    return as_list(mode, list(mode.all("refund", charge=shown["id"])), f"/v1/charges/{shown['id']}/refunds")


@route("POST", "/v1/payment_intents", "PaymentIntentCreateParams", "payment_intent")
def create_payment_intent(mode: Mode, params: Object) -> Object:
    only(params, *_GIVEN)
    currency = money.check_currency(params["currency"])
    amount = money.check_amount(params["amount"], currency, "amount")
    if amount < money.minimum(currency):
        raise invalid(
            f"Amount must be at least {money.minimum(currency)} {currency}", param="amount", code="amount_too_small"
        )
    customer = customer_of(mode, params, required=False)
    made = payments.create_intent(
        mode, amount, currency, customer=customer["id"] if customer else None,
        metadata=metadata(None, params.get("metadata")), _return_url=params.get("return_url"),
    )  # fmt: skip
    put(made, params, "setup_future_usage", "description", "receipt_email")
    if "payment_method" in params:
        made |= {"payment_method": _method(mode, params, made)["id"], "status": "requires_confirmation"}
    if params.get("confirm"):
        _confirm(mode, made, params)
    return made


def _method(mode: Mode, params: Object, intent: Object) -> Object:
    method = payment_methods.find(mode, params["payment_method"])
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        raise invalid(
            "The provided PaymentMethod belongs to another Customer; set `customer` to the one it is attached to.",
            param="payment_method",
        )
    return method


@route("POST", "/v1/payment_intents/{id}", "PaymentIntentUpdateParams", "payment_intent")
def update_payment_intent(mode: Mode, params: Object, key: str) -> Object:
    only(params, "metadata", "description", "receipt_email", "amount")
    found = mode.get("payment_intent", key, status=404)
    if "amount" in params:
        if found["status"] in {"succeeded", "canceled"}:
            raise _unexpected(found, "update")
        found["amount"] = money.check_amount(params["amount"], found["currency"], "amount")
    put(found, params, "description", "receipt_email")
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    return found


@route("POST", "/v1/payment_intents/{id}/confirm", "PaymentIntentConfirmParams", "payment_intent")
def confirm_payment_intent(mode: Mode, params: Object, key: str) -> Object:
    only(params, "payment_method", "off_session", "return_url", "setup_future_usage", "error_on_requires_action",
         "receipt_email")  # fmt: skip
    found = mode.get("payment_intent", key, status=404)
    if found["status"] in {"succeeded", "canceled"}:
        raise _unexpected(found, "confirm")
    found["_return_url"] = params.get("return_url")
    put(found, params, "setup_future_usage")
    if "payment_method" in params:
        found["payment_method"] = _method(mode, params, found)["id"]
    _confirm(mode, found, params)
    return found


def _confirm(mode: Mode, intent: Object, params: Object) -> None:
    if intent["payment_method"] is None:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method.",
            code="payment_intent_unexpected_state",
        )
    method = mode.get("payment_method", intent["payment_method"])
    if params.get("off_session") not in {None, False} and method["customer"] is None:
        raise invalid("`off_session` payments need a payment method that is attached to a customer.")
    error = payments.confirm(mode, intent, method, off_session=bool(params.get("off_session")))
    if error is not None:
        raise error
    after_success(mode, intent)


def after_success(mode: Mode, intent: Object) -> None:
    """What follows a payment: the card is saved when asked for, the invoice behind it is paid."""
    if intent["status"] != "succeeded":
        return
    method = mode.get("payment_method", intent["payment_method"])
    if intent.get("setup_future_usage") and intent["customer"] and method["customer"] is None:
        payment_methods.attach(mode, method, mode.get("customer", intent["customer"]))
        method["_is_set_up"] = True
    invoice = mode.peek("invoice", intent.get("_invoice") or "")
    if invoice is not None and invoice["status"] in {"open", "uncollectible"}:
        kept = mode.get("invoice", invoice["id"])
        subscription = mode.peek("subscription", kept["_subscription"] or "")
        saves = subscription and subscription["payment_settings"]["save_default_payment_method"] == "on_subscription"
        if subscription and saves:
            mode.get("subscription", subscription["id"])["default_payment_method"] = method["id"]
        invoicing.mark_paid(mode, kept)
        collection.paid(mode, kept)


@route("POST", "/v1/payment_intents/{id}/cancel", "PaymentIntentCancelParams", "payment_intent")
def cancel_payment_intent(mode: Mode, params: Object, key: str) -> Object:
    found = mode.get("payment_intent", key, status=404)
    if found["status"] in {"succeeded", "canceled"} or found.get("_invoice"):
        raise _unexpected(found, "cancel")
    payments.cancel(mode, found, params.get("cancellation_reason", "requested_by_customer"))
    return found


def _unexpected(found: Object, verb: str) -> StripeError:
    return invalid(
        f"You cannot {verb} this PaymentIntent because it has a status of {found['status']}.",
        code="payment_intent_unexpected_state",
    )
