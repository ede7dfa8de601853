"""Checkout Sessions. Source: docs.stripe.com/api/checkout/sessions, docs.stripe.com/payments/checkout."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from tests.stripe_server import engine
from tests.stripe_server.billing.amounts import total_of
from tests.stripe_server.errors import invalid, missing_parameter
from tests.stripe_server.events import emit
from tests.stripe_server.objects import prices
from tests.stripe_server.parameters import customer_of, metadata, one_of, only, put
from tests.stripe_server.rendering import includes, present
from tests.stripe_server.routes import Listing, is_created_within, retrieve, route
from tests.stripe_server.store import Mode, Object

_GIVEN = (
    "allow_promotion_codes", "automatic_tax", "billing_address_collection", "cancel_url", "client_reference_id",
    "currency", "customer", "customer_creation", "customer_email", "customer_update", "expires_at", "invoice_creation",
    "line_items", "locale", "metadata", "mode", "payment_intent_data", "payment_method_collection",
    "payment_method_types", "saved_payment_method_options", "setup_intent_data", "submit_type", "subscription_data",
    "success_url", "tax_id_collection", "ui_mode", "custom_text", "phone_number_collection",
)  # fmt: skip
_SUBSCRIPTION = ("metadata", "description", "trial_end", "trial_period_days", "trial_settings", "billing_cycle_anchor",
                 "billing_cycle_anchor_config", "proration_behavior", "billing_mode")  # fmt: skip
_SHORTEST_S, _LONGEST_S = 30 * 60, 24 * 3600
_PATH = "/v1/checkout/sessions"

route("GET", _PATH + "/{id}", "checkout.SessionRetrieveParams", "checkout_session")(retrieve("checkout.session"))


@includes("checkout.session", "line_items")
def line_items_of(mode: Mode, shown: Object) -> Object:
    data = []
    for number, item in enumerate(mode.objects["checkout.session"][shown["id"]]["_items"]):
        price = mode.objects["price"][item["price"]]
        amount = amount_of(price, item)
        data.append(
            {"id": f"li_{shown['id'][-10:]}{number}", "object": "item", "amount_discount": 0,
             "amount_subtotal": amount, "amount_tax": 0, "amount_total": amount, "currency": price["currency"],
             "description": mode.objects["product"][price["product"]]["name"], "metadata": {},
             "price": present(mode, price), "quantity": item["quantity"]}
        )  # fmt: skip
    return {"object": "list", "data": data, "has_more": False, "url": f"{_PATH}/{shown['id']}/line_items"}


def amount_of(price: Object, item: Object) -> int:
    """What an item costs at once; usage costs nothing yet."""
    if (price["recurring"] or {}).get("usage_type") == "metered":
        return 0
    return total_of(price, Decimal(item["quantity"] or 1))


@route("POST", _PATH, "checkout.SessionCreateParams", "checkout_session")
def create_session(mode: Mode, params: Object) -> Object:
    only(params, *_GIVEN)
    kind = params.get("mode")
    if kind is None:
        raise missing_parameter("mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        only({"ui_mode": params["ui_mode"]})
    if "success_url" not in params:
        raise missing_parameter("success_url")
    one_of(params, "customer", "customer_email")
    customer = customer_of(mode, params, required=False)
    clock = (customer or {}).get("test_clock")
    now = mode.now(clock)
    items = _items(mode, params, kind)
    currency = mode.objects["price"][items[0]["price"]]["currency"] if items else params.get("currency")
    if kind == "setup" and currency is None and not params.get("payment_method_types"):
        raise missing_parameter("currency")
    total = sum(
        amount_of(mode.objects["price"][item["price"]], item)
        for item in items
        if not (_has_trial(params) and mode.objects["price"][item["price"]]["recurring"])
    )
    fields = _fields(params, kind, items, currency, total)
    made = mode.add(
        "checkout.session", fields | {"expires_at": _expiry(mode, params), "_at": now, "_clock": clock}, clock=clock
    )
    made["url"] = f"{mode.address}/c/pay/{made['id']}"
    return made


def _has_trial(params: Object) -> bool:
    return bool({"trial_end", "trial_period_days"} & (params.get("subscription_data") or {}).keys())


def _fields(params: Object, kind: str, items: list[Object], currency: str | None, total: int) -> Object:
    email = params.get("customer_email")
    made = {
        "adaptive_pricing": {"enabled": False},
        "amount_subtotal": total if kind != "setup" else None,
        "amount_total": total if kind != "setup" else None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": params.get("cancel_url"),
        "currency": currency,
        "custom_fields": [],
        "custom_text": dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")),
        "customer": params.get("customer"),
        "customer_creation": params.get("customer_creation", "always" if kind == "subscription" else "if_required"),
        "customer_details": None,
        "customer_email": email,
        "metadata": metadata(None, params.get("metadata")),
        "mode": kind,
        "payment_method_collection": params.get("payment_method_collection", "always"),
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": params.get("payment_method_types", ["card"]),
        "payment_status": "no_payment_required" if total == 0 or kind == "setup" else "unpaid",
        "phone_number_collection": {"enabled": False},
        "shipping_options": [],
        "status": "open",
        "success_url": params["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "_items": items,
        "_params": {name: params[name] for name in ("subscription_data", "payment_intent_data", "setup_intent_data",
                                                    "invoice_creation", "currency", "customer_update")
                    if name in params},
    }  # fmt: skip
    put(made, params, "client_reference_id", "locale", "submit_type", "billing_address_collection",
        "allow_promotion_codes")  # fmt: skip
    made["tax_id_collection"] = {"enabled": False, "required": "never"} | (params.get("tax_id_collection") or {})
    return made


def _items(mode: Mode, params: Object, kind: str) -> list[Object]:
    given = params.get("line_items", [])
    if kind == "setup":
        return []
    if not given:
        raise missing_parameter("line_items")
    made = [_item(mode, spec, f"line_items[{number}]") for number, spec in enumerate(given)]
    found = [mode.objects["price"][item["price"]] for item in made]
    if len({price["currency"] for price in found}) > 1:
        raise invalid("All line items must have the same currency.", param="line_items")
    recurring = [price for price in found if price["recurring"]]
    if kind == "payment" and recurring:
        raise invalid(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            param="line_items",
        )
    if kind == "subscription":
        only(params.get("subscription_data") or {}, *_SUBSCRIPTION)
        if not recurring:
            raise invalid("You must provide at least one recurring price in `subscription` mode when using prices.",
                          param="line_items")  # fmt: skip
    return made


def _item(mode: Mode, spec: Object, where: str) -> Object:
    only(spec, "price", "price_data", "quantity", "adjustable_quantity", "metadata")
    named = one_of(spec, "price", "price_data")
    if named is None:
        raise missing_parameter(f"{where}[price]")
    price = (
        prices.check_usable(mode, spec["price"], f"{where}[price]")
        if named == "price"
        else prices.create_price(mode, spec["price_data"] | {"active": False})
    )
    is_metered = (price["recurring"] or {}).get("usage_type") == "metered"
    if is_metered and "quantity" in spec:
        raise invalid("Quantity should not be specified where usage_type is `metered`. Remove quantity from "
                      f"`{where}` to complete this request.", param=f"{where}[quantity]")  # fmt: skip
    if not is_metered and "quantity" not in spec:
        raise missing_parameter(f"{where}[quantity]")
    return {"price": price["id"], "quantity": spec.get("quantity")}


def _expiry(mode: Mode, params: Object) -> int:
    """Source: docs.stripe.com/api/checkout/sessions/create (expires_at): 30 minutes to 24 hours from now."""
    now = mode.now()
    expiry = int(params.get("expires_at", now + _LONGEST_S))
    if not now + _SHORTEST_S <= expiry <= now + _LONGEST_S:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from Checkout Session "
            "creation.",
            param="expires_at",
        )
    return expiry


@route("POST", _PATH + "/{id}", "checkout.SessionUpdateParams", "checkout_session")
def update_session(mode: Mode, params: Object, key: str) -> Object:
    only(params, "metadata")
    found = mode.get("checkout.session", key, status=404)
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    return found


@route("POST", _PATH + "/{id}/expire", "checkout.SessionExpireParams", "checkout_session")
def expire_session(mode: Mode, _params: Object, key: str) -> Object:
    found = mode.get("checkout.session", key, status=404)
    if found["status"] != "open":
        raise invalid(f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a '
                      f"status of `{found['status']}`.")  # fmt: skip
    expire(mode, found)
    return found


def expire(mode: Mode, found: Object) -> None:
    found |= {"status": "expired", "url": None}
    emit(mode, "checkout.session.expired", found)


def _expiries(mode: Mode, clock: str | None) -> Iterator[engine.Due]:
    """Sessions run out by this machine's time, also those for customers of test clocks."""
    if clock is not None:
        return
    for each in mode.objects.get("checkout.session", {}).values():
        if each["status"] == "open":
            yield engine.Due(each["expires_at"], 6, "checkout.session", each["id"], expire)


engine.SOURCES.append(_expiries)


@route("GET", _PATH, "checkout.SessionListParams", "checkout_session")
def list_sessions(mode: Mode, params: Object) -> Listing:
    only(params, "customer", "subscription", "payment_intent", "status", "created", "limit", "starting_after",
         "ending_before")  # fmt: skip
    equal = {name: params[name] for name in ("customer", "subscription", "payment_intent", "status") if name in params}
    return Listing(
        "checkout.session", [s for s in mode.all("checkout.session", **equal) if is_created_within(s, params)]
    )


@route("GET", _PATH + "/{id}/line_items", "checkout.SessionListLineItemsParams", "checkout_session")
def list_line_items(mode: Mode, _params: Object, key: str) -> Listing:
    mode.get("checkout.session", key, status=404)
    return Listing("item", line_items_of(mode, {"id": key})["data"])
