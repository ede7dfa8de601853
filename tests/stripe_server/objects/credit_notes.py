"""Credit notes. Source: docs.stripe.com/api/credit_notes, docs.stripe.com/invoicing/dashboard/credit-notes."""

from __future__ import annotations

from decimal import Decimal

from tests.stripe_server import money
from tests.stripe_server.billing import collection, invoicing
from tests.stripe_server.errors import invalid, missing_parameter
from tests.stripe_server.events import emit
from tests.stripe_server.objects.refunds import refund
from tests.stripe_server.parameters import metadata, one_of, only
from tests.stripe_server.rendering import as_first_page, presents
from tests.stripe_server.routes import Listing, listing, retrieve, route
from tests.stripe_server.store import Mode, Object

_GIVEN = ("invoice", "lines", "amount", "credit_amount", "refund_amount", "out_of_band_amount", "reason", "memo",
          "metadata", "refunds", "email_type", "effective_at")  # fmt: skip
_LINE = ("type", "amount", "description", "invoice_line_item", "quantity", "unit_amount", "unit_amount_decimal",
         "metadata")  # fmt: skip
_PATH = "/v1/credit_notes"

route("GET", _PATH + "/{id}", "CreditNoteRetrieveParams", "credit_note")(retrieve("credit_note"))
route("GET", _PATH, "CreditNoteListParams", "credit_note")(listing("credit_note", "customer", "invoice"))


@presents("credit_note")
def present_note(mode: Mode, found: Object) -> Object:
    return {"lines": as_first_page(mode, _lines_of(mode, found["id"]), f"{_PATH}/{found['id']}/lines")}


def _lines_of(mode: Mode, key: str) -> list[Object]:
    return [each for each in mode.objects.get("credit_note_line_item", {}).values() if each["_note"] == key]


@route("GET", _PATH + "/preview", "CreditNotePreviewParams", "credit_note")
def preview_note(mode: Mode, params: Object) -> Object:
    """What a credit note would be; nothing is kept."""
    mode.begin()
    try:
        made = create_note(mode, params)
        shown = {name: value for name, value in made.items() if not name.startswith("_")} | present_note(mode, made)
    finally:
        mode.rollback()
    return shown


@route("POST", _PATH, "CreditNoteCreateParams", "credit_note")
def create_note(mode: Mode, params: Object) -> Object:
    """Of an open invoice it lowers what is due; of a paid one it is credited, refunded or settled elsewhere."""
    only(params, *_GIVEN)
    invoice = mode.get("invoice", params["invoice"], param="invoice")
    if invoice["status"] not in {"open", "paid"}:
        raise invalid(f"You can only create credit notes for open or paid invoices; this one is {invoice['status']}.")
    lines = _lines(mode, invoice, params)
    total = sum(line["amount"] for line in lines) if lines else params.get("amount")
    if total is None:
        raise missing_parameter("amount")
    if total <= 0:
        raise invalid("The credit note's total must be greater than 0.", param="amount")
    is_open = invoice["status"] == "open"
    _check_total(mode, invoice, total, is_open=is_open)
    customer = mode.get("customer", invoice["customer"])
    customer["_notes"] = customer.get("_notes", 0) + 1
    made = mode.add("credit_note", _fields(invoice, customer, params, total, is_open=is_open),
                    clock=invoice["test_clock"])  # fmt: skip
    made["pdf"] = f"{mode.address}/credit_notes/{made['id']}/pdf"
    for line in lines or [_custom(total, params.get("memo") or "Credit", {})]:
        mode.add("credit_note_line_item", line | {"_note": made["id"]})
    if is_open:
        _lower(mode, invoice, total)
    else:
        _give_back(mode, invoice, customer, made, params)
    emit(mode, "credit_note.created", made)
    return made


def _fields(invoice: Object, customer: Object, params: Object, total: int, *, is_open: bool) -> Object:
    return {
        "amount": total, "amount_shipping": 0, "currency": invoice["currency"], "customer": invoice["customer"],
        "discount_amount": 0, "discount_amounts": [], "invoice": invoice["id"], "memo": params.get("memo"),
        "metadata": metadata(None, params.get("metadata")),
        "number": f"{invoice['number']}-CN-{customer['_notes']:02d}",
        "out_of_band_amount": params.get("out_of_band_amount"), "pdf": "", "pretax_credit_amounts": [],
        "post_payment_amount": 0 if is_open else total, "pre_payment_amount": total if is_open else 0,
        "reason": params.get("reason"), "refunds": [], "status": "issued", "subtotal": total,
        "subtotal_excluding_tax": total, "total": total, "total_excluding_tax": total, "total_taxes": [],
        "type": "pre_payment" if is_open else "post_payment",
    }  # fmt: skip


def _check_total(mode: Mode, invoice: Object, total: int, *, is_open: bool) -> None:
    """Source: docs.stripe.com/api/credit_notes/create: never more than is left of the invoice."""
    if is_open and total > invoice["amount_remaining"]:
        raise invalid(
            f"The sum of the credit note's amounts ({total}) must not exceed the invoice's amount remaining "
            f"({invoice['amount_remaining']}).",
            param="amount",
        )
    issued = sum(each["total"] for each in mode.all("credit_note", invoice=invoice["id"], status="issued"))
    if total > invoice["total"] - issued:
        raise invalid(
            f"The credit note's total ({total}) is greater than what is left of the invoice "
            f"({invoice['total'] - issued}).",
            param="amount",
        )


def _lines(mode: Mode, invoice: Object, params: Object) -> list[Object]:
    made = []
    own = {line["id"]: line for line in invoicing.lines_of(mode, invoice)}
    for number, spec in enumerate(params.get("lines", [])):
        where = f"lines[{number}]"
        only(spec, *_LINE)
        if spec["type"] == "invoice_line_item":
            if spec.get("invoice_line_item") not in own:
                raise invalid(f"No such line item: '{spec.get('invoice_line_item')}'", code="resource_missing",
                              param=f"{where}[invoice_line_item]")  # fmt: skip
            made.append(_of_line(own[spec["invoice_line_item"]], spec, where))
        else:
            made.append(_of_amount(invoice, spec, where))
    return made


def _of_line(line: Object, spec: Object, where: str) -> Object:
    given = one_of(spec, "amount", "quantity")
    if given is None:
        raise missing_parameter(f"{where}[amount]")
    amount = spec.get("amount")
    if amount is None:
        share = Decimal(line["amount"]) * spec["quantity"] / (line["quantity"] or 1)
        amount = money.round_line(share, line["currency"])
    if amount > line["amount"]:
        raise invalid(f"The amount ({amount}) is greater than that of the line ({line['amount']}).",
                      param=f"{where}[amount]")  # fmt: skip
    made = _custom(amount, line["description"], spec)
    return made | {"type": "invoice_line_item", "invoice_line_item": line["id"], "quantity": spec.get("quantity")}


def _of_amount(invoice: Object, spec: Object, where: str) -> Object:
    if "description" not in spec:
        raise missing_parameter(f"{where}[description]")
    unit = Decimal(spec.get("unit_amount_decimal", spec.get("unit_amount", spec.get("amount", 0))))
    amount = money.round_line(unit * spec.get("quantity", 1), invoice["currency"])
    made = _custom(amount, spec["description"], spec)
    return made | {"quantity": spec.get("quantity", 1), "unit_amount_decimal": format(unit, "f"),
                   "unit_amount": int(unit) if unit == int(unit) else None}  # fmt: skip


def _custom(amount: int, description: str | None, spec: Object) -> Object:
    return {
        "amount": amount, "description": description, "discount_amount": 0, "discount_amounts": [],
        "metadata": metadata(None, spec.get("metadata")), "pretax_credit_amounts": [], "tax_rates": [], "taxes": [],
        "type": "custom_line_item",
    }  # fmt: skip


def _lower(mode: Mode, invoice: Object, total: int) -> None:
    """Before payment: less is due; nothing due means paid."""
    invoice["pre_payment_credit_notes_amount"] += total
    invoice["amount_remaining"] -= total
    invoice["amount_due"] -= total
    intent = invoicing.intent_of(mode, invoice)
    if intent is not None:
        intent["amount"] -= total
    emit(mode, "invoice.updated", invoice)
    if invoice["amount_remaining"] == 0:
        invoicing.mark_paid(mode, invoice)
        collection.paid(mode, invoice)


def _give_back(mode: Mode, invoice: Object, customer: Object, made: Object, params: Object) -> None:
    """After payment: the parts must add up to the total."""
    credit, back = params.get("credit_amount", 0), params.get("refund_amount", 0)
    linked = [(each, mode.get("refund", each["refund"], param="refunds[refund]")) for each in params.get("refunds", [])]
    shares = [each.get("amount_refunded", found["amount"]) for each, found in linked]
    parts = credit + back + params.get("out_of_band_amount", 0) + sum(shares)
    if parts != made["total"]:
        raise invalid(
            f"The sum of credit amount, refund amount and out of band amount ({parts}) must equal the credit note "
            f"amount ({made['total']}).",
            param="amount",
        )
    for (_each, found), share in zip(linked, shares, strict=True):
        made["refunds"].append({"amount_refunded": share, "refund": found["id"], "type": "refund",
                                "payment_record_refund": None})  # fmt: skip
    if back:
        intent = invoicing.intent_of(mode, invoice)
        if intent is None or not intent["latest_charge"]:
            raise invalid("There is no payment of this invoice to refund.", param="refund_amount")
        found = refund(mode, mode.get("charge", intent["latest_charge"]), back, {})
        made["refunds"].append({"amount_refunded": back, "refund": found["id"], "type": "refund",
                                "payment_record_refund": None})  # fmt: skip
    if credit:
        _credit(mode, customer, made, -credit)
    invoice["post_payment_credit_notes_amount"] += made["total"]
    emit(mode, "invoice.updated", invoice)


def _credit(mode: Mode, customer: Object, made: Object, amount: int) -> None:
    customer["balance"] += amount
    transaction = mode.add(
        "customer_balance_transaction",
        {"amount": amount, "credit_note": made["id"], "currency": made["currency"], "customer": customer["id"],
         "ending_balance": customer["balance"], "metadata": {}, "type": "credit_note"},
        clock=customer.get("test_clock"),
    )  # fmt: skip
    made["customer_balance_transaction"] = transaction["id"]
    emit(mode, "customer.updated", customer)


@route("POST", _PATH + "/{id}", "CreditNoteUpdateParams", "credit_note")
def update_note(mode: Mode, params: Object, key: str) -> Object:
    found = mode.get("credit_note", key, status=404)
    found["memo"] = params.get("memo", found["memo"])
    found["metadata"] = metadata(found["metadata"], params.get("metadata"))
    emit(mode, "credit_note.updated", found)
    return found


@route("POST", _PATH + "/{id}/void", "CreditNoteVoidCreditNoteParams", "credit_note")
def void_note(mode: Mode, _params: Object, key: str) -> Object:
    """Only while its invoice is open. Source: docs.stripe.com/api/credit_notes/void."""
    found = mode.get("credit_note", key, status=404)
    invoice = mode.get("invoice", found["invoice"])
    if found["status"] == "void" or invoice["status"] != "open" or found["type"] != "pre_payment":
        raise invalid("You can only void a credit note whose invoice is open.")
    found |= {"status": "void", "voided_at": mode.now(invoice["test_clock"])}
    invoice["pre_payment_credit_notes_amount"] -= found["total"]
    invoice["amount_remaining"] += found["total"]
    invoice["amount_due"] += found["total"]
    intent = invoicing.intent_of(mode, invoice)
    if intent is not None:
        intent["amount"] += found["total"]
    emit(mode, "credit_note.voided", found)
    return found


@route("GET", _PATH + "/{id}/lines", "CreditNoteListLinesParams", "credit_note")
def list_lines(mode: Mode, _params: Object, key: str) -> Listing:
    mode.get("credit_note", key, status=404)
    return Listing("credit_note_line_item", _lines_of(mode, key))
