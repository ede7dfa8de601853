"""Subscription items. Source: docs.stripe.com/api/subscription_items."""

from __future__ import annotations

from tests.stripe_server.billing import cycles, updates
from tests.stripe_server.errors import invalid, missing_parameter
from tests.stripe_server.objects import prices
from tests.stripe_server.parameters import one_of, only
from tests.stripe_server.rendering import present, presents
from tests.stripe_server.routes import Listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_MOST = 20  # Source: docs.stripe.com/api/subscriptions/create (up to 20 items)
_HOW = ("payment_behavior", "proration_behavior", "proration_date")

route("GET", "/v1/subscription_items/{id}", "SubscriptionItemRetrieveParams", "subscription")(
    retrieve("subscription_item")
)


@presents("subscription_item")
def present_item(mode: Mode, found: Object) -> Object:
    price = present(mode, mode.objects["price"][found["price"]])
    recurring = price["recurring"] or {}
    plan = {
        "id": price["id"], "object": "plan", "active": price["active"], "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"], "billing_scheme": price["billing_scheme"],
        "created": price["created"], "currency": price["currency"], "interval": recurring.get("interval"),
        "interval_count": recurring.get("interval_count"), "livemode": price["livemode"],
        "metadata": price["metadata"], "meter": recurring.get("meter"), "nickname": price["nickname"],
        "product": price["product"], "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"], "trial_period_days": None,
        "usage_type": recurring.get("usage_type"),
    }  # fmt: skip
    shown: Object = {"price": price, "plan": plan}
    if found["quantity"] is None:
        shown["quantity"] = None
    return shown


def price_of(mode: Mode, given: Object, where: str, *, is_recurring: bool) -> Object:
    """The active price that `price` or `price_data` names."""
    named = one_of(given, "price", "price_data")
    if named is None:
        raise missing_parameter(f"{where}[price]")
    if named == "price":
        return prices.check_usable(mode, given["price"], f"{where}[price]")
    return prices.inline_price(mode, given["price_data"], is_recurring=is_recurring)


def check_specs(mode: Mode, given: list[Object], subscription: Object | None = None) -> list[Object]:
    """The items of a request with their prices checked; those of a subscription need no price."""
    if len(given) > _MOST:
        raise invalid(f"You can have up to {_MOST} items.", param="items")
    made = []
    own = {item["id"]: item for item in cycles.items_of(mode, subscription)} if subscription else {}
    for number, spec in enumerate(given):
        where = f"items[{number}]"
        only(spec, "id", "price", "price_data", "quantity", "metadata", "deleted", "clear_usage")
        if "id" in spec and spec["id"] not in own:
            raise invalid(f"No such subscription item: '{spec['id']}'", param=f"{where}[id]", code="resource_missing")
        if "id" in spec and not {"price", "price_data"} & spec.keys():
            price = mode.objects["price"][own[spec["id"]]["price"]]
            checked = dict(spec)
        else:
            price = price_of(mode, spec, where, is_recurring=True)
            checked = {name: value for name, value in spec.items() if name != "price_data"} | {"price": price["id"]}
        _check(price, spec, where, subscription)
        made.append(checked)
    _check_twice(made, own)
    return made


def _check(price: Object, spec: Object, where: str, subscription: Object | None) -> None:
    if price["type"] != "recurring":
        raise invalid(
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`.",
            param=f"{where}[price]",
        )
    if subscription is not None and price["currency"] != subscription["currency"]:
        raise invalid(f"The price specified only supports `{price['currency']}`.", param=f"{where}[price]")
    if price["recurring"]["usage_type"] == "metered" and "quantity" in spec:
        raise invalid(
            "Quantity should not be specified where usage_type is `metered`. Remove quantity from "
            f"`{where}` to complete this request.".replace("  ", " "),
            param=f"{where}[quantity]",
        )
    if spec.get("quantity", 0) < 0:
        raise invalid("This value must be greater than or equal to 0.", param=f"{where}[quantity]")


def _check_twice(made: list[Object], own: dict[str, Object]) -> None:
    changed = {spec["id"]: spec for spec in made if "id" in spec}
    kept = [item["price"] for key, item in own.items() if key not in changed]
    wanted = [spec["price"] for spec in made if "price" in spec and not spec.get("deleted")]
    for price in wanted:
        if (kept + wanted).count(price) > 1:
            raise invalid(
                f"Cannot add multiple subscription items with the same plan: {price}", param="items",
            )  # fmt: skip


@route("POST", "/v1/subscription_items", "SubscriptionItemCreateParams", "subscription")
def create_item(mode: Mode, params: Object) -> Object:
    only(params, "subscription", "price", "price_data", "quantity", "metadata", *_HOW)
    subscription = mode.get("subscription", params["subscription"], param="subscription")
    spec = {name: value for name, value in params.items() if name not in {*_HOW, "subscription"}}
    before = {item["id"] for item in cycles.items_of(mode, subscription)}
    _change(mode, subscription, params, spec)
    return next(item for item in cycles.items_of(mode, subscription) if item["id"] not in before)


@route("POST", "/v1/subscription_items/{id}", "SubscriptionItemUpdateParams", "subscription")
def update_item(mode: Mode, params: Object, key: str) -> Object:
    only(params, "price", "price_data", "quantity", "metadata", "off_session", *_HOW)
    found = mode.get("subscription_item", key, status=404)
    subscription = mode.get("subscription", found["subscription"])
    spec = {name: value for name, value in params.items() if name not in {*_HOW, "off_session"}}
    _change(mode, subscription, params, spec | {"id": key})
    return mode.get("subscription_item", key)


@route("DELETE", "/v1/subscription_items/{id}", "SubscriptionItemDeleteParams", "subscription")
def delete_item(mode: Mode, params: Object, key: str) -> Object:
    only(params, "clear_usage", *_HOW)
    found = mode.get("subscription_item", key, status=404)
    spec = {"id": key, "deleted": True, "clear_usage": params.get("clear_usage", False)}
    _change(mode, mode.get("subscription", found["subscription"]), params, spec)
    return {"id": key, "object": "subscription_item", "deleted": True}


def _change(mode: Mode, subscription: Object, params: Object, spec: Object) -> None:
    specs = check_specs(mode, [spec], subscription)
    how = {name: params[name] for name in _HOW if name in params}
    updates.update(mode, subscription, how | {"items": specs}, [])


@route("GET", "/v1/subscription_items", "SubscriptionItemListParams", "subscription")
def list_items(mode: Mode, params: Object) -> Listing:
    subscription = mode.get("subscription", params["subscription"], param="subscription")
    return Listing("subscription_item", list(mode.all("subscription_item", subscription=subscription["id"])))
