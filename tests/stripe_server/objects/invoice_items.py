"""Invoice items. Source: docs.stripe.com/api/invoiceitems."""

from __future__ import annotations

from decimal import Decimal

from tests.stripe_server import money
from tests.stripe_server.billing import changes, invoicing, lines
from tests.stripe_server.errors import invalid, missing_parameter
from tests.stripe_server.events import emit
from tests.stripe_server.objects import prices
from tests.stripe_server.parameters import customer_of, metadata, one_of, only
from tests.stripe_server.routes import Listing, is_created_within, retrieve, route
from tests.stripe_server.store import Mode, Object

_GIVEN = ("customer", "amount", "currency", "description", "invoice", "subscription", "metadata", "period", "pricing",
          "price", "price_data", "quantity", "unit_amount_decimal", "discountable")  # fmt: skip

route("GET", "/v1/invoiceitems/{id}", "InvoiceItemRetrieveParams", "invoice")(retrieve("invoiceitem"))


def line_of(mode: Mode, customer: Object, given: Object) -> Object:
    """The line of an item: of a price that does not recur, or of a plain amount, which may be a credit."""
    now = mode.now(customer.get("test_clock"))
    period = given.get("period", {"start": now, "end": now})
    key = (given.get("pricing") or {}).get("price") or given.get("price")
    quantity = given.get("quantity", 1)
    if key or "price_data" in given:
        price = (
            prices.check_usable(mode, key, "pricing[price]")
            if key
            else prices.inline_price(mode, given["price_data"], is_recurring=False)
        )
        if price["type"] != "one_time":
            raise invalid("The price specified is set to `type=recurring` but this field only accepts prices with "
                          "`type=one_time`.", param="pricing[price]")  # fmt: skip
        line = lines.one_off(mode, price, quantity, period["start"], period["end"])
    else:
        line = _plain(given, quantity, period)
    line |= {"description": given.get("description") or line["description"]}
    return line | {"metadata": metadata(None, given.get("metadata")), "discountable": given.get("discountable", True)}


def _plain(given: Object, quantity: int, period: Object) -> Object:
    if "currency" not in given:
        raise missing_parameter("currency")
    currency = money.check_currency(given["currency"])
    if one_of(given, "amount", "unit_amount_decimal") is None:
        raise missing_parameter("amount")
    if "amount" in given:
        amount, unit = given["amount"], Decimal(given["amount"])
        money.check_amount(abs(amount), currency, "amount")
    else:
        unit = Decimal(given["unit_amount_decimal"])
        amount = money.round_line(unit * quantity, currency)
    return {
        "amount": amount, "subtotal": amount, "currency": currency, "description": None, "discount_amounts": [],
        "discountable": True, "discounts": [], "metadata": {}, "period": dict(period), "pretax_credit_amounts": [],
        "pricing": {"type": "price_details", "price_details": None, "unit_amount_decimal": format(unit, "f")},
        "quantity": quantity, "quantity_decimal": str(quantity), "taxes": [], "_item": None, "_subscription": None,
        "_is_proration": False,
    }  # fmt: skip


@route("POST", "/v1/invoiceitems", "InvoiceItemCreateParams", "invoice")
def create_item(mode: Mode, params: Object) -> Object:
    only(params, *_GIVEN)
    customer = customer_of(mode, params)
    invoice = None
    if "invoice" in params:
        invoice = mode.get("invoice", params["invoice"], param="invoice")
        if invoice["status"] != "draft":
            raise invalid("This invoice is no longer editable", code="invoice_not_editable", param="invoice")
    line = line_of(mode, customer, params)
    if invoice is not None and line["currency"] != invoice["currency"]:
        raise invalid(f"The invoice is in {invoice['currency']}, the item in {line['currency']}.", param="currency")
    if "subscription" in params:
        mode.get("subscription", params["subscription"], param="subscription")
        line["_subscription"] = params["subscription"]
    made = changes.add_pending_item(mode, customer, line, params.get("subscription"))
    if invoice is not None:
        invoicing.add_line(mode, invoice, line | {"_invoice_item": made["id"]})
        invoicing.recount(mode, invoice)
        emit(mode, "invoice.updated", invoice)
    return made


@route("POST", "/v1/invoiceitems/{id}", "InvoiceItemUpdateParams", "invoice")
def update_item(mode: Mode, params: Object, key: str) -> Object:
    """Source: docs.stripe.com/api/invoiceitems/update: until the invoice that it is attached to is closed."""
    only(params, "amount", "description", "metadata")
    found, invoice = _open(mode, key)
    attached = [line for line in invoicing.lines_of(mode, invoice) if _item_of(line) == key] if invoice else []
    for line in (found["_line"], *attached):
        if "amount" in params:
            line |= {"amount": params["amount"], "subtotal": params["amount"]}
        if "description" in params:
            line["description"] = params["description"]
        line["metadata"] = metadata(line["metadata"], params.get("metadata"))
    if "amount" in params:
        found |= {"amount": params["amount"], "net_amount": params["amount"]}
    found["description"] = params.get("description", found["description"])
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    _recount(mode, invoice)
    return found


@route("DELETE", "/v1/invoiceitems/{id}", "InvoiceItemDeleteParams", "invoice")
def delete_item(mode: Mode, _params: Object, key: str) -> Object:
    """Source: docs.stripe.com/api/invoiceitems/delete: of no invoice, or of a draft."""
    found, invoice = _open(mode, key)
    if invoice is not None:
        for line in invoicing.lines_of(mode, invoice):
            if _item_of(line) == key:
                invoice["_lines"].remove(line["id"])
                mode.remove("line_item", line["id"])
    emit(mode, "invoiceitem.deleted", found)
    mode.remove("invoiceitem", key)
    _recount(mode, invoice)
    return {"id": key, "object": "invoiceitem", "deleted": True}


def _open(mode: Mode, key: str) -> tuple[Object, Object | None]:
    """The item, and the draft that it is on."""
    found = mode.get("invoiceitem", key, status=404)
    invoice = mode.get("invoice", found["invoice"]) if found["invoice"] is not None else None
    if invoice is not None and invoice["status"] != "draft":
        raise invalid(
            "This invoice item is on an invoice and can no longer be changed here.", code="invoice_not_editable"
        )
    return found, invoice


def _item_of(line: Object) -> str:
    parent = line.get("parent") or {}
    return str((parent.get("invoice_item_details") or {}).get("invoice_item") or "")


def _recount(mode: Mode, invoice: Object | None) -> None:
    if invoice is not None:
        invoicing.recount(mode, invoice)
        emit(mode, "invoice.updated", invoice)


@route("GET", "/v1/invoiceitems", "InvoiceItemListParams", "invoice")
def list_items(mode: Mode, params: Object) -> Listing:
    only(params, "customer", "invoice", "pending", "created", "limit", "starting_after", "ending_before")
    equal = {name: params[name] for name in ("customer", "invoice") if name in params}
    found = [each for each in mode.all("invoiceitem", **equal) if is_created_within(each, params)]
    if "pending" in params:
        found = [each for each in found if (each["invoice"] is None) == params["pending"]]
    return Listing("invoiceitem", found)
