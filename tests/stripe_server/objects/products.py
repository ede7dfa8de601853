"""Products. Source: docs.stripe.com/api/products."""

from __future__ import annotations

from typing import Any

from tests.stripe_server.errors import invalid
from tests.stripe_server.events import emit
from tests.stripe_server.parameters import metadata, only, put
from tests.stripe_server.routes import Listing, is_created_within, retrieve, route
from tests.stripe_server.store import Mode, Object

_FIELDS = (
    "name",
    "description",
    "active",
    "url",
    "statement_descriptor",
    "unit_label",
    "shippable",
    "tax_code",
    "images",
)

route("GET", "/v1/products/{id}", "ProductRetrieveParams", "product")(retrieve("product"))


@route("POST", "/v1/products", "ProductCreateParams", "product")
def create_product(mode: Mode, params: Object) -> Object:
    only(params, "id", "metadata", "marketing_features", "default_price_data", "type", *_FIELDS)
    if "id" in params and mode.peek("product", params["id"]) is not None:
        raise invalid("Product already exists.", param="id", code="resource_already_exists")
    made = mode.add(
        "product",
        {"active": True, "description": None, "images": [], "marketing_features": [], "tax_code": None,
         "metadata": metadata(None, params.get("metadata")), "type": "service", "default_price": None}
        | ({"id": params["id"]} if "id" in params else {}),
    )  # fmt: skip
    made["updated"] = made["created"]
    put(made, params, *_FIELDS, "marketing_features")
    emit(mode, "product.created", made)
    if "default_price_data" in params:
        from tests.stripe_server.objects.prices import create_price  # noqa: PLC0415 -- prices know products too

        price = create_price(mode, params["default_price_data"] | {"product": made["id"]})
        made["default_price"] = price["id"]
        emit(mode, "product.updated", made)
    return made


@route("POST", "/v1/products/{id}", "ProductUpdateParams", "product")
def update_product(mode: Mode, params: Object, key: str) -> Object:
    only(params, "metadata", "marketing_features", "default_price", *_FIELDS)
    found = mode.get("product", key, status=404)
    put(found, params, *_FIELDS, "marketing_features")
    if params.get("default_price"):
        found["default_price"] = mode.get("price", params["default_price"], param="default_price")["id"]
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    found["updated"] = mode.now()
    emit(mode, "product.updated", found)
    return found


@route("GET", "/v1/products", "ProductListParams", "product")
def list_products(mode: Mode, params: dict[str, Any]) -> Listing:
    only(params, "active", "ids", "created", "limit", "starting_after", "ending_before", "url", "shippable")
    equal = {name: params[name] for name in ("active", "url", "shippable") if name in params}
    found = [each for each in mode.all("product", **equal) if is_created_within(each, params)]
    return Listing("product", [each for each in found if "ids" not in params or each["id"] in params["ids"]])


@route("DELETE", "/v1/products/{id}", "ProductDeleteParams", "product")
def delete_product(mode: Mode, _params: Object, key: str) -> Object:
    """Source: docs.stripe.com/api/products/delete: only without prices."""
    found = mode.get("product", key, status=404)
    if any(mode.all("price", product=key)):
        raise invalid("This product cannot be deleted because it has one or more user-created prices.")
    mode.remove("product", key)
    emit(mode, "product.deleted", found)
    return {"id": key, "object": "product", "deleted": True}
