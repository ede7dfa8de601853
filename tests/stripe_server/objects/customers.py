"""Customers. Source: docs.stripe.com/api/customers, docs.stripe.com/billing/customer."""

from __future__ import annotations

import secrets

from tests.stripe_server.billing import changes
from tests.stripe_server.errors import invalid
from tests.stripe_server.events import emit
from tests.stripe_server.objects import payment_methods
from tests.stripe_server.parameters import metadata, only, put
from tests.stripe_server.rendering import as_list, includes, presents
from tests.stripe_server.routes import Listing, is_created_within, retrieve, route
from tests.stripe_server.store import Mode, Object

_FIELDS = ("name", "email", "description", "phone", "address", "shipping", "preferred_locales", "tax_exempt",
           "business_name", "individual_name")  # fmt: skip
_GIVEN = (*_FIELDS, "metadata", "balance", "invoice_settings", "payment_method", "test_clock", "tax_id_data",
          "invoice_prefix", "next_invoice_sequence")  # fmt: skip
_TRANSACTIONS = "/v1/customers/{id}/balance_transactions"

route("GET", "/v1/customers/{id}", "CustomerRetrieveParams", "customer")(retrieve("customer"))
route("GET", _TRANSACTIONS + "/{transaction}", "CustomerBalanceTransactionRetrieveParams", "customer")(
    lambda mode, _params, _customer, key: mode.get("customer_balance_transaction", key, status=404)
)


@presents("customer")
def present_customer(mode: Mode, found: Object) -> Object:
    """Delinquent is who owes an invoice that was tried. Source: docs.stripe.com/api/customers/object (delinquent)."""
    owed = mode.all("invoice", customer=found["id"], status="open", collection_method="charge_automatically")
    return {"delinquent": any(each["attempted"] for each in owed), "default_source": None}


@includes("customer", "subscriptions")
def subscriptions_of(mode: Mode, shown: Object) -> Object:
    found = [each for each in mode.all("subscription", customer=shown["id"]) if each["status"] != "canceled"]
    return as_list(mode, found, f"/v1/customers/{shown['id']}/subscriptions")


@includes("customer", "tax_ids")
def tax_ids_of(mode: Mode, shown: Object) -> Object:
    found = [each for each in mode.all("tax_id") if each["customer"] == shown["id"]]
    return as_list(mode, found, f"/v1/customers/{shown['id']}/tax_ids")


for _name in ("sources", "cash_balance", "invoice_credit_balance"):
    includes("customer", _name)(lambda _mode, _shown: None)


@route("POST", "/v1/customers", "CustomerCreateParams", "customer")
def create_customer(mode: Mode, params: Object) -> Object:
    only(params, *_GIVEN)
    clock = params.get("test_clock")
    if clock is not None:
        clock = mode.get("test_helpers.test_clock", clock, param="test_clock")["id"]
    made = mode.add(
        "customer",
        {"balance": params.get("balance", 0), "currency": None, "discount": None, "tax_exempt": "none",
         "invoice_prefix": secrets.token_hex(4).upper(), "metadata": metadata(None, params.get("metadata")),
         "invoice_settings": {"custom_fields": None, "default_payment_method": None, "footer": None,
                              "rendering_options": None},
         "next_invoice_sequence": 1, "preferred_locales": [], "test_clock": clock},
        clock=clock,
    )  # fmt: skip
    _apply(mode, made, params)
    emit(mode, "customer.created", made)
    if "payment_method" in params:
        payment_methods.attach(mode, payment_methods.find(mode, params["payment_method"]), made)
    for given in params.get("tax_id_data", []):
        _add_tax_id(mode, made, given)
    _set_invoice_settings(mode, made, params)
    return made


def _apply(mode: Mode, found: Object, params: Object) -> None:
    put(found, params, *_FIELDS, "invoice_prefix", "next_invoice_sequence")
    if "email" in params and params["email"] and "@" not in params["email"]:
        raise invalid(f"Invalid email address: {params['email']}", param="email", code="email_invalid")
    if found["tax_exempt"] is None:
        found["tax_exempt"] = "none"


def _set_invoice_settings(mode: Mode, found: Object, params: Object) -> None:
    settings = params.get("invoice_settings") or {}
    key = settings.get("default_payment_method")
    if key:
        method = mode.get("payment_method", key, param="invoice_settings[default_payment_method]")
        if method["customer"] != found["id"]:
            raise invalid(
                "The customer does not have a payment method with the ID "
                f"{key}. The payment method must be attached to the customer.",
                param="invoice_settings[default_payment_method]",
                code="resource_missing",
            )
    put(found["invoice_settings"], settings, "default_payment_method", "footer", "custom_fields")


@route("POST", "/v1/customers/{id}", "CustomerUpdateParams", "customer")
def update_customer(mode: Mode, params: Object, key: str) -> Object:
    only(params, *_GIVEN)
    found = _living(mode, key)
    _apply(mode, found, params)
    _set_invoice_settings(mode, found, params)
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    if "balance" in params and params["balance"] != found["balance"]:
        found["balance"] = params["balance"]
    emit(mode, "customer.updated", found)
    return found


def _living(mode: Mode, key: str) -> Object:
    found = mode.get("customer", key, status=404)
    if found.get("deleted"):
        raise invalid(f"No such customer: '{key}'", param="id", code="resource_missing", status=404)
    return found


@route("DELETE", "/v1/customers/{id}", "CustomerDeleteParams", "customer")
def delete_customer(mode: Mode, _params: Object, key: str) -> Object:
    """Ends the subscriptions at once. Source: docs.stripe.com/api/customers/delete."""
    found = _living(mode, key)
    for each in list(mode.all("subscription", customer=key)):
        if each["status"] not in {"canceled", "incomplete_expired"}:
            changes.end_now(mode, mode.get("subscription", each["id"]), reason=None)
    emit(mode, "customer.deleted", found)
    found["deleted"] = True
    return found


@route("GET", "/v1/customers", "CustomerListParams", "customer")
def list_customers(mode: Mode, params: Object) -> Listing:
    """Customers of a test clock are only listed when asked for. Source: docs.stripe.com/api/customers/list."""
    only(params, "email", "test_clock", "created", "limit", "starting_after", "ending_before")
    clock = params.get("test_clock")
    found = [each for each in mode.all("customer", test_clock=clock) if not each.get("deleted")]
    found = [each for each in found if is_created_within(each, params)]
    return Listing("customer", [each for each in found if params.get("email", each.get("email")) == each.get("email")])


@route("POST", _TRANSACTIONS, "CustomerCreateBalanceTransactionParams", "customer")
def create_balance_transaction(mode: Mode, params: Object, key: str) -> Object:
    """Source: docs.stripe.com/api/customer_balance_transactions/create: a negative amount is a credit."""
    found = _living(mode, key)
    found["balance"] += params["amount"]
    made = mode.add(
        "customer_balance_transaction",
        {"amount": params["amount"], "currency": params["currency"], "customer": key, "type": "adjustment",
         "description": params.get("description"), "ending_balance": found["balance"],
         "metadata": metadata(None, params.get("metadata"))},
        clock=found.get("test_clock"),
    )  # fmt: skip
    emit(mode, "customer.updated", found)
    return made


@route("GET", _TRANSACTIONS, "CustomerListBalanceTransactionsParams", "customer")
def list_balance_transactions(mode: Mode, _params: Object, key: str) -> Listing:
    return Listing("customer_balance_transaction", list(mode.all("customer_balance_transaction", customer=key)))


def _add_tax_id(mode: Mode, customer: Object, given: Object) -> Object:
    made = mode.add(
        "tax_id",
        {"country": given["type"][:2].upper(), "customer": customer["id"], "type": given["type"],
         "value": given["value"], "owner": {"type": "customer", "customer": customer["id"]},
         "verification": {"status": "pending", "verified_address": None, "verified_name": None}},
        clock=customer.get("test_clock"),
    )  # fmt: skip
    emit(mode, "customer.tax_id.created", made)
    return made


@route("POST", "/v1/customers/{id}/tax_ids", "CustomerCreateTaxIdParams", "customer")
def create_tax_id(mode: Mode, params: Object, key: str) -> Object:
    return _add_tax_id(mode, _living(mode, key), params)


@route("GET", "/v1/customers/{id}/tax_ids", "CustomerListTaxIdsParams", "customer")
def list_tax_ids(mode: Mode, _params: Object, key: str) -> Listing:
    return Listing("tax_id", list(mode.all("tax_id", customer=key)))


@route("GET", "/v1/customers/{id}/payment_methods", "CustomerListPaymentMethodsParams", "customer")
def list_payment_methods(mode: Mode, params: Object, key: str) -> Listing:
    _living(mode, key)
    equal = {"type": params["type"]} if "type" in params else {}
    return Listing("payment_method", list(mode.all("payment_method", customer=key, **equal)))


@route("GET", "/v1/customers/{id}/payment_methods/{method}", "CustomerRetrievePaymentMethodParams", "customer")
def retrieve_payment_method(mode: Mode, _params: Object, key: str, method: str) -> Object:
    found = mode.get("payment_method", method, status=404)
    if found["customer"] != key:
        raise invalid(f"No such PaymentMethod: '{method}'", param="id", code="resource_missing", status=404)
    return found
