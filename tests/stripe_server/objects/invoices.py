"""Invoices. Source: docs.stripe.com/api/invoices, docs.stripe.com/invoicing/integration."""

from __future__ import annotations

from tests.stripe_server import money
from tests.stripe_server.billing import changes, collection, cycles, invoicing
from tests.stripe_server.errors import invalid
from tests.stripe_server.events import emit
from tests.stripe_server.objects import payment_methods
from tests.stripe_server.parameters import customer_of, metadata, only, put
from tests.stripe_server.rendering import as_first_page, as_list, includes, presents
from tests.stripe_server.routes import Listing, is_created_within, retrieve, route
from tests.stripe_server.store import Mode, Object

_GIVEN = ("customer", "subscription", "auto_advance", "collection_method", "days_until_due", "due_date", "description",
          "footer", "metadata", "currency", "pending_invoice_items_behavior", "default_payment_method",
          "automatically_finalizes_at", "statement_descriptor")  # fmt: skip

route("GET", "/v1/invoices/{id}", "InvoiceRetrieveParams", "invoice")(retrieve("invoice"))
route("GET", "/v1/invoice_payments/{id}", "InvoicePaymentRetrieveParams", "invoice")(retrieve("invoice_payment"))


@presents("invoice")
def present_invoice(mode: Mode, found: Object) -> Object:
    lines = invoicing.lines_of(mode, found)
    shown: Object = {"lines": as_first_page(mode, lines, f"/v1/invoices/{found['id']}/lines")}
    shown["lines"]["total_count"] = len(lines)
    if mode.is_rehearsal:
        shown["id"] = "upcoming_" + found["id"]
    return shown


@includes("invoice", "payments")
def payments_of(mode: Mode, shown: Object) -> Object:
    found = list(mode.all("invoice_payment", invoice=shown["id"]))
    return as_list(mode, found, f"/v1/invoice_payments?invoice={shown['id']}")


@includes("invoice", "confirmation_secret")
def secret_of(mode: Mode, shown: Object) -> Object | None:
    """Source: docs.stripe.com/changelog/basil/2025-03-31/add-support-for-multiple-partial-payments-on-invoices."""
    key = mode.objects["invoice"][shown["id"]].get("_intent")
    intent = mode.peek("payment_intent", key) if key else None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"} if intent else None


@route("POST", "/v1/invoices", "InvoiceCreateParams", "invoice")
def create_invoice(mode: Mode, params: Object) -> Object:
    only(params, *_GIVEN)
    customer = customer_of(mode, params)
    subscription = None
    if "subscription" in params:
        subscription = mode.get("subscription", params["subscription"], param="subscription")
    currency = params.get("currency") or (subscription or {}).get("currency") or customer["currency"] or "eur"
    money.check_currency(currency)
    lines = []
    if params.get("pending_invoice_items_behavior", "exclude") == "include":
        wanted = {subscription["id"]} if subscription else {None}
        lines = changes.take_items_of(mode, customer["id"], currency, wanted)
    made = invoicing.create(
        mode, customer, lines, reason="manual", currency=currency, subscription=subscription,
        auto_advance=params.get("auto_advance", False), metadata=metadata(None, params.get("metadata")),
        collection_method=params.get("collection_method", "charge_automatically"),
        _days_until_due=params.get("days_until_due"),
    )  # fmt: skip
    put(made, params, "description", "footer", "due_date", "default_payment_method", "statement_descriptor")
    if made["auto_advance"]:
        made["automatically_finalizes_at"] = made["created"] + invoicing.FINALIZES_AFTER_S
    if customer["currency"] is None:
        customer["currency"] = currency
    return made


@route("POST", "/v1/invoices/{id}", "InvoiceUpdateParams", "invoice")
def update_invoice(mode: Mode, params: Object, key: str) -> Object:
    only(params, *_GIVEN)
    found = mode.get("invoice", key, status=404)
    if found["status"] != "draft" and set(params) - {
        "metadata",
        "auto_advance",
        "description",
        "default_payment_method",
    }:
        raise invalid("Finalized invoices can't be updated in this way.", param=min(params))
    put(found, params, "description", "footer", "due_date", "default_payment_method", "auto_advance", "days_until_due",
        "automatically_finalizes_at", "collection_method")  # fmt: skip
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    emit(mode, "invoice.updated", found)
    return found


@route("DELETE", "/v1/invoices/{id}", "InvoiceDeleteParams", "invoice")
def delete_invoice(mode: Mode, _params: Object, key: str) -> Object:
    found = mode.get("invoice", key, status=404)
    if found["status"] != "draft" or found["_subscription"]:
        raise invalid("You can only delete draft invoices that no subscription made.")
    for line in invoicing.lines_of(mode, found):
        mode.remove("line_item", line["id"])
        if line.get("_invoice_item"):
            mode.get("invoiceitem", line["_invoice_item"])["invoice"] = None
    emit(mode, "invoice.deleted", found)
    mode.remove("invoice", key)
    return {"id": key, "object": "invoice", "deleted": True}


@route("POST", "/v1/invoices/{id}/finalize", "InvoiceFinalizeInvoiceParams", "invoice")
def finalize_invoice(mode: Mode, params: Object, key: str) -> Object:
    only(params, "auto_advance")
    found = mode.get("invoice", key, status=404)
    if found["status"] == "draft":
        cycles.refresh_usage(mode, found)
    put(found, params, "auto_advance")
    invoicing.finalize(mode, found)
    if found["status"] == "paid":
        collection.paid(mode, found)
    elif found["auto_advance"] and found["collection_method"] == "charge_automatically":
        found["next_payment_attempt"] = mode.now(found["test_clock"]) + invoicing.FINALIZES_AFTER_S
    return found


@route("POST", "/v1/invoices/{id}/pay", "InvoicePayParams", "invoice")
def pay_invoice(mode: Mode, params: Object, key: str) -> Object:
    only(params, "payment_method", "off_session", "paid_out_of_band", "forgive")
    found = mode.get("invoice", key, status=404)
    if found["status"] == "draft":
        cycles.refresh_usage(mode, found)
        invoicing.finalize(mode, found)
    if found["status"] == "paid":
        if found["amount_due"] == 0 and not found.get("_intent"):
            collection.paid(mode, found)
            return found
        raise invalid("Invoice is already paid")
    if found["status"] not in {"open", "uncollectible"}:
        raise invalid(f"You can't pay an invoice that is {found['status']}.", code="invoice_not_editable")
    if params.get("paid_out_of_band"):
        invoicing.mark_paid(mode, found, out_of_band=True)
        collection.paid(mode, found)
        return found
    method = collection.method_for(mode, found)
    if "payment_method" in params:
        method = _own_method(mode, found, params["payment_method"])
    error = collection.pay(mode, found, method, off_session=params.get("off_session", True), is_automatic=False)
    if error is not None:
        raise error
    return found


def _own_method(mode: Mode, invoice: Object, key: str) -> Object:
    method = payment_methods.find(mode, key)
    if method["customer"] is None:
        payment_methods.attach(mode, method, mode.get("customer", invoice["customer"]))
    if method["customer"] != invoice["customer"]:
        raise invalid("The payment method does not belong to the invoice's customer.", param="payment_method")
    return method


@route("POST", "/v1/invoices/{id}/void", "InvoiceVoidInvoiceParams", "invoice")
def void_invoice(mode: Mode, _params: Object, key: str) -> Object:
    found = mode.get("invoice", key, status=404)
    invoicing.void(mode, found)
    subscription = mode.peek("subscription", found["_subscription"] or "")
    if subscription and (subscription.get("_pending") or {}).get("invoice") == key:
        kept = mode.get("subscription", subscription["id"])
        kept |= {"_pending": None, "pending_update": None}
        emit(mode, "customer.subscription.updated", kept)
    elif subscription:
        collection.paid(mode, found)
    return found


@route("POST", "/v1/invoices/{id}/mark_uncollectible", "InvoiceMarkUncollectibleParams", "invoice")
def mark_invoice_uncollectible(mode: Mode, _params: Object, key: str) -> Object:
    found = mode.get("invoice", key, status=404)
    invoicing.mark_uncollectible(mode, found)
    return found


@route("POST", "/v1/invoices/{id}/send", "InvoiceSendInvoiceParams", "invoice")
def send_invoice(mode: Mode, _params: Object, key: str) -> Object:
    found = mode.get("invoice", key, status=404)
    if found["status"] == "draft":
        invoicing.finalize(mode, found)
    emit(mode, "invoice.sent", found)
    return found


@route("GET", "/v1/invoices", "InvoiceListParams", "invoice")
def list_invoices(mode: Mode, params: Object) -> Listing:
    only(params, "customer", "subscription", "status", "collection_method", "created", "limit", "starting_after",
         "ending_before")  # fmt: skip
    equal = {name: params[name] for name in ("customer", "status", "collection_method") if name in params}
    if "subscription" in params:
        equal["_subscription"] = params["subscription"]
    return Listing("invoice", [each for each in mode.all("invoice", **equal) if is_created_within(each, params)])


@route("GET", "/v1/invoices/{id}/lines", "InvoiceListLinesParams", "invoice")
def list_lines(mode: Mode, _params: Object, key: str) -> Listing:
    return Listing("line_item", invoicing.lines_of(mode, mode.get("invoice", key, status=404)))


@route("GET", "/v1/invoice_payments", "InvoicePaymentListParams", "invoice")
def list_payments(mode: Mode, params: Object) -> Listing:
    only(params, "invoice", "status", "payment", "limit", "starting_after", "ending_before", "created")
    equal = {name: params[name] for name in ("invoice", "status") if name in params}
    found = list(mode.all("invoice_payment", **equal))
    wanted = params.get("payment", {}).get("payment_intent")
    if wanted:
        found = [each for each in found if each["payment"]["payment_intent"] == wanted]
    return Listing("invoice_payment", found)
