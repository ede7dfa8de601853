"""SetupIntents. Source: docs.stripe.com/api/setup_intents, docs.stripe.com/payments/setup-intents."""

from __future__ import annotations

import secrets

from tests.stripe_server import cards
from tests.stripe_server.errors import StripeError, invalid
from tests.stripe_server.events import emit
from tests.stripe_server.objects import payment_methods
from tests.stripe_server.parameters import customer_of, metadata, only, put
from tests.stripe_server.routes import Listing, listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_GIVEN = ("customer", "payment_method", "payment_method_types", "usage", "confirm", "metadata", "description",
          "return_url", "automatic_payment_methods", "use_stripe_sdk")  # fmt: skip

route("GET", "/v1/setup_intents/{id}", "SetupIntentRetrieveParams", "setup_intent")(retrieve("setup_intent"))


def create(mode: Mode, customer: Object | None, **fields: object) -> Object:
    made = mode.add(
        "setup_intent",
        {"automatic_payment_methods": None, "customer": customer["id"] if customer else None, "metadata": {},
         "payment_method": None, "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
         "payment_method_types": ["card"], "status": "requires_payment_method", "usage": "off_session"} | fields,
        clock=(customer or {}).get("test_clock"),
    )  # fmt: skip
    made["client_secret"] = f"{made['id']}_secret_{secrets.token_hex(12)}"
    emit(mode, "setup_intent.created", made)
    return made


def create_for_subscription(mode: Mode, customer: Object) -> Object:
    """The pending SetupIntent of a trial without a card. Source: docs.stripe.com/billing/subscriptions/trials."""
    return create(mode, customer)


@route("POST", "/v1/setup_intents", "SetupIntentCreateParams", "setup_intent")
def create_setup_intent(mode: Mode, params: Object) -> Object:
    only(params, *_GIVEN)
    customer = customer_of(mode, params, required=False)
    made = create(
        mode, customer, metadata=metadata(None, params.get("metadata")), usage=params.get("usage", "off_session")
    )
    put(made, params, "description")
    made["_return_url"] = params.get("return_url")
    if "payment_method" in params:
        made |= {"payment_method": payment_methods.find(mode, params["payment_method"])["id"],
                 "status": "requires_confirmation"}  # fmt: skip
    if params.get("confirm"):
        _raise(confirm(mode, made))
    return made


@route("POST", "/v1/setup_intents/{id}/confirm", "SetupIntentConfirmParams", "setup_intent")
def confirm_setup_intent(mode: Mode, params: Object, key: str) -> Object:
    only(params, "payment_method", "return_url", "use_stripe_sdk", "mandate_data")
    found = mode.get("setup_intent", key, status=404)
    found["_return_url"] = params.get("return_url")
    if "payment_method" in params:
        found["payment_method"] = payment_methods.find(mode, params["payment_method"])["id"]
    _raise(confirm(mode, found))
    return found


@route("POST", "/v1/setup_intents/{id}/cancel", "SetupIntentCancelParams", "setup_intent")
def cancel_setup_intent(mode: Mode, params: Object, key: str) -> Object:
    found = mode.get("setup_intent", key, status=404)
    if found["status"] in {"succeeded", "canceled"}:
        raise invalid(
            f"You cannot cancel this SetupIntent because it has a status of {found['status']}.",
            code="setup_intent_unexpected_state",
        )
    found |= {"status": "canceled", "cancellation_reason": params.get("cancellation_reason")}
    emit(mode, "setup_intent.canceled", found)
    return found


@route("GET", "/v1/setup_intents", "SetupIntentListParams", "setup_intent")
def list_setup_intents(mode: Mode, params: Object) -> Listing:
    found: Listing = listing("setup_intent", "customer", "payment_method")(mode, params)
    return found


def confirm(mode: Mode, intent: Object) -> StripeError | None:
    """Save the card for later; a card that asks for its holder waits for them."""
    if intent["payment_method"] is None:
        return invalid("You must provide a payment method to confirm this SetupIntent.", param="payment_method")
    method = mode.get("payment_method", intent["payment_method"])
    card = cards.CARDS[method["_number"]]
    if card.authentication and not method["_is_set_up"]:
        url = f"{mode.address}/authenticate/{intent['id']}"
        intent |= {
            "status": "requires_action",
            "next_action": {"type": "redirect_to_url",
                            "redirect_to_url": {"url": url, "return_url": intent.get("_return_url")}},
        }  # fmt: skip
        emit(mode, "setup_intent.requires_action", intent)
        return None
    return settle(mode, intent, method)


def settle(mode: Mode, intent: Object, method: Object) -> StripeError | None:
    """The end of a set-up: the method is attached, or the card was declined."""
    card = cards.CARDS[method["_number"]]
    if not card.attaches:
        error = cards.declined(card.decline)
        intent |= {"status": "requires_payment_method", "last_setup_error": dict(error.fields), "payment_method": None}
        emit(mode, "setup_intent.setup_failed", intent)
        return error
    method["_is_set_up"] = True
    intent |= {"status": "succeeded", "next_action": None}
    if intent["customer"]:
        payment_methods.attach(mode, method, mode.get("customer", intent["customer"]))
    emit(mode, "setup_intent.succeeded", intent)
    return None


def _raise(error: StripeError | None) -> None:
    if error is not None:
        raise error
