"""Prices. Source: docs.stripe.com/api/prices, docs.stripe.com/products-prices/pricing-models."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.stripe_server import money
from tests.stripe_server.errors import invalid, missing_parameter
from tests.stripe_server.events import emit
from tests.stripe_server.objects.products import create_product
from tests.stripe_server.parameters import metadata, one_of, only, put
from tests.stripe_server.rendering import includes
from tests.stripe_server.routes import Listing, is_created_within, retrieve, route
from tests.stripe_server.store import Mode, Object

_LONGEST_LOOKUP_KEY = 200
_YEARS = {"day": 1095, "week": 156, "month": 36, "year": 3}  # Source: recurring[interval_count], at most three years

route("GET", "/v1/prices/{id}", "PriceRetrieveParams", "plan")(retrieve("price"))


@includes("price", "tiers")
def tiers_of(mode: Mode, shown: Object) -> Any:
    """Only shown when expanded. Source: docs.stripe.com/api/prices/object (tiers, expandable)."""
    return [dict(tier) for tier in mode.objects["price"][shown["id"]]["_tiers"] or []] or None


@includes("price", "currency_options")
def currency_options_of(_mode: Mode, _shown: Object) -> Any:
    return None


@route("POST", "/v1/prices", "PriceCreateParams", "plan")
def create_price(mode: Mode, params: Object) -> Object:
    only(
        params, "active", "billing_scheme", "currency", "lookup_key", "metadata", "nickname", "product", "product_data",
        "recurring", "tax_behavior", "tiers", "tiers_mode", "transfer_lookup_key", "transform_quantity", "unit_amount",
        "unit_amount_decimal",
    )  # fmt: skip
    currency = money.check_currency(params["currency"])
    scheme = params.get("billing_scheme", "per_unit")
    amount = _tiered(params, currency) if scheme == "tiered" else _per_unit(params, currency)
    fields = {
        "active": params.get("active", True),
        "billing_scheme": scheme,
        "currency": currency,
        "lookup_key": _lookup_key(mode, params),
        "metadata": metadata(None, params.get("metadata")),
        "nickname": params.get("nickname"),
        "product": _product(mode, params),
        "recurring": _recurring(mode, params),
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": params.get("tiers_mode"),
        "transform_quantity": params.get("transform_quantity"),
        "type": "recurring" if "recurring" in params else "one_time",
    }
    made = mode.add("price", fields | amount)
    emit(mode, "price.created", made)
    return made


def _per_unit(params: Object, currency: str) -> Object:
    for name in ("tiers", "tiers_mode"):
        if name in params:
            raise invalid(f"You cannot set `{name}` when `billing_scheme` is not `tiered`.", param=name)
    given = one_of(params, "unit_amount", "unit_amount_decimal")
    if given is None:
        raise missing_parameter("unit_amount")
    whole, text = amounts(params, "unit_amount", currency)
    transform = params.get("transform_quantity")
    if transform and transform["divide_by"] < 1:
        raise invalid("This value must be greater than or equal to 1.", param="transform_quantity[divide_by]")
    return {"unit_amount": whole, "unit_amount_decimal": text, "_tiers": None}


def amounts(params: Object, name: str, currency: str, prefix: str = "") -> tuple[int | None, str]:
    """An amount as a whole number (null when it is none) and as a decimal."""
    param = f"{prefix}[{name}]" if prefix else name
    if name in params:
        return money.check_amount(params[name], currency, param), str(params[name])
    number = money.check_decimal(params[f"{name}_decimal"], param.replace(name, f"{name}_decimal"))
    text = format(number.normalize(), "f") if number else "0"
    return (int(number) if number == number.to_integral_value() else None), text


def _tiered(params: Object, currency: str) -> Object:
    """Source: docs.stripe.com/api/prices/create (tiers): the last one goes up to `inf`."""
    for name in ("unit_amount", "unit_amount_decimal", "transform_quantity"):
        if name in params:
            raise invalid(f"You cannot set `{name}` when `billing_scheme` is `tiered`.", param=name)
    for name in ("tiers", "tiers_mode"):
        if not params.get(name):
            raise missing_parameter(name)
    made: list[Object] = []
    for number, tier in enumerate(params["tiers"]):
        made.append(_tier(tier, number, currency, made[-1]["up_to"] if made else 0))
    if made[-1]["up_to"] is not None:
        raise invalid("The last tier must have `up_to` set to `inf`.", param="tiers")
    if len(made) < 2 and params["tiers_mode"] == "volume":
        raise invalid("A tiered price needs at least two tiers.", param="tiers")
    return {"unit_amount": None, "unit_amount_decimal": None, "_tiers": made}


def _tier(tier: Object, number: int, currency: str, below: int | None) -> Object:
    prefix = f"tiers[{number}]"
    if below is None:
        raise invalid("Only the last tier may have `up_to` set to `inf`.", param=f"{prefix}[up_to]")
    top = None if tier["up_to"] == "inf" else tier["up_to"]
    if top is not None and top <= below:
        raise invalid("`up_to` must be greater than that of the tier before.", param=f"{prefix}[up_to]")
    made: Object = {"up_to": top}
    for name in ("unit_amount", "flat_amount"):
        given = one_of(tier, name, f"{name}_decimal")
        whole, text = amounts(tier, name, currency, prefix) if given else (None, None)
        made |= {name: whole, f"{name}_decimal": text}
    if made["flat_amount_decimal"] is not None and Decimal(made["flat_amount_decimal"]) % 1:
        raise invalid("Invalid decimal: must be an integer.", param=f"{prefix}[flat_amount_decimal]")
    if made["unit_amount_decimal"] is None and made["flat_amount_decimal"] is None:
        raise invalid("Each tier needs `unit_amount` or `flat_amount`.", param=prefix)
    return made


def _recurring(mode: Mode, params: Object) -> Object | None:
    """Metered needs a meter.

    Source: docs.stripe.com/changelog/basil/2025-03-31/deprecate-legacy-usage-based-billing.
    """
    if "recurring" not in params:
        return None
    given = params["recurring"]
    count = given.get("interval_count", 1)
    if not 1 <= count <= _YEARS[given["interval"]]:
        raise invalid("Maximum of three years interval allowed.", param="recurring[interval_count]")
    usage_type = given.get("usage_type", "licensed")
    if usage_type == "metered":
        if "meter" not in given:
            raise invalid(
                "Prices with `usage_type=metered` must be backed by meters; set `recurring[meter]`.",
                param="recurring[meter]",
            )
        meter = mode.get("billing.meter", given["meter"], param="recurring[meter]")
        if meter["status"] != "active":
            raise invalid(f"The meter {meter['id']} is inactive.", param="recurring[meter]")
    elif "meter" in given:
        raise invalid("You cannot set `recurring[meter]` with `usage_type=licensed`.", param="recurring[meter]")
    return {"interval": given["interval"], "interval_count": count, "meter": given.get("meter"),
            "trial_period_days": None, "usage_type": usage_type}  # fmt: skip


def _product(mode: Mode, params: Object) -> str:
    given = one_of(params, "product", "product_data")
    if given is None:
        raise missing_parameter("product")
    if given == "product_data":
        return str(create_product(mode, params["product_data"])["id"])
    return str(mode.get("product", params["product"], param="product")["id"])


def _lookup_key(mode: Mode, params: Object) -> str | None:
    """Source: docs.stripe.com/products-prices/manage-prices#lookup-keys: unique among active prices."""
    key = params.get("lookup_key")
    if not key:
        return None
    if len(key) > _LONGEST_LOOKUP_KEY:
        raise invalid(f"Invalid string: must be at most {_LONGEST_LOOKUP_KEY} characters", param="lookup_key")
    for other in list(mode.all("price", lookup_key=key)):
        if not params.get("transfer_lookup_key"):
            raise invalid(f"A price (`{other['id']}`) already uses that lookup key.", param="lookup_key")
        kept = mode.get("price", other["id"])
        kept["lookup_key"] = None
        emit(mode, "price.updated", kept)
    return str(key)


@route("POST", "/v1/prices/{id}", "PriceUpdateParams", "plan")
def update_price(mode: Mode, params: Object, key: str) -> Object:
    """Amounts never change. Source: docs.stripe.com/api/prices/update."""
    only(params, "active", "lookup_key", "metadata", "nickname", "tax_behavior", "transfer_lookup_key")
    found = mode.get("price", key, status=404)
    if "lookup_key" in params and params["lookup_key"] != found["lookup_key"]:
        found["lookup_key"] = _lookup_key(mode, params)
    put(found, params, "active", "nickname", "tax_behavior")
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    emit(mode, "price.updated", found)
    return found


@route("GET", "/v1/prices", "PriceListParams", "plan")
def list_prices(mode: Mode, params: Object) -> Listing:
    """Source: docs.stripe.com/api/prices/list: up to ten lookup keys."""
    only(params, "active", "currency", "product", "type", "lookup_keys", "recurring", "created", "limit",
         "starting_after", "ending_before")  # fmt: skip
    equal = {name: params[name] for name in ("active", "currency", "product", "type") if name in params}
    found = [each for each in mode.all("price", **equal) if is_created_within(each, params)]
    keys = params.get("lookup_keys")
    if keys is not None:
        if len(keys) > 10:
            raise invalid("You can specify up to 10 lookup_keys.", param="lookup_keys")
        found = [each for each in found if each["lookup_key"] in keys]
    wanted = params.get("recurring", {})
    for name, value in wanted.items():
        found = [each for each in found if (each["recurring"] or {}).get(name) == value]
    return Listing("price", found)


def inline_price(mode: Mode, data: Object, *, is_recurring: bool) -> Object:
    """The price of `price_data`: made on the spot, not active. Source: docs.stripe.com/api/subscriptions/create."""
    if is_recurring and "recurring" not in data:
        raise missing_parameter("items[price_data][recurring]")
    return create_price(mode, data | {"active": False})


def check_usable(mode: Mode, key: str, param: str) -> Object:
    """An active price.

    Errors: StripeError for none, or an archived one.
    """
    found = mode.get("price", key, param=param)
    if not found["active"]:
        raise invalid("The price specified is inactive. This field only accepts active prices.", param=param)
    return found
