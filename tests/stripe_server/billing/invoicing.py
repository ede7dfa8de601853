"""An invoice from draft to its end.

Source: docs.stripe.com/invoicing/integration/workflow-transitions, docs.stripe.com/api/invoices/object.
"""

from __future__ import annotations

from typing import Any

from tests.stripe_server.billing import payments
from tests.stripe_server.errors import invalid
from tests.stripe_server.events import emit
from tests.stripe_server.money import minimum
from tests.stripe_server.store import Mode, Object

FINALIZES_AFTER_S = 3600  # Source: docs.stripe.com/billing/invoices/subscription (one hour; a setting of the account)
_OPEN = {"open", "uncollectible"}


def create(
    mode: Mode, customer: Object, lines: list[Object], *, reason: str, currency: str,
    subscription: Object | None = None, period: tuple[int, int] | None = None, **fields: Any,
) -> Object:  # fmt: skip
    """A draft with its lines, announced as `invoice.created`."""
    clock = customer.get("test_clock")
    now = mode.now(clock)
    start, end = period or (now, now)
    made = mode.add(
        "invoice",
        _blank(customer, subscription, reason, currency) | {"period_start": start, "period_end": end} | fields,
        clock=clock,
    )  # fmt: skip
    for line in lines:
        add_line(mode, made, line)
    recount(mode, made)
    emit(mode, "invoice.created", made)
    return made


def _blank(customer: Object, subscription: Object | None, reason: str, currency: str) -> Object:
    """The fields of a new draft."""
    return {
            "account_country": "DE",
            "account_name": "Stand-in",
            "amount_overpaid": 0,
            "amount_paid": 0,
            "attempt_count": 0,
            "attempted": False,
            "auto_advance": True,
            "automatic_tax": {"enabled": False, "liability": None, "status": None, "provider": None,
                              "disabled_reason": None},
            "billing_reason": reason,
            "collection_method": (subscription or {}).get("collection_method", "charge_automatically"),
            "currency": currency,
            "customer": customer["id"],
            "customer_address": customer.get("address"),
            "customer_email": customer.get("email"),
            "customer_name": customer.get("name"),
            "customer_tax_exempt": customer.get("tax_exempt", "none"),
            "customer_tax_ids": [],
            "default_payment_method": None,
            "default_tax_rates": [],
            "discounts": [],
            "issuer": {"type": "self"},
            "metadata": {},
            "parent": _parent(subscription),
            "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "starting_balance": 0,
            "status": "draft",
            "status_transitions": {"finalized_at": None, "marked_uncollectible_at": None, "paid_at": None,
                                   "voided_at": None},
            "test_clock": customer.get("test_clock"),
            "_subscription": subscription["id"] if subscription else None,
            "_failed_method": None,
            "_lines": [],
        }  # fmt: skip


def _parent(subscription: Object | None) -> Object | None:
    if subscription is None:
        return None
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    return {"type": "subscription_details", "quote_details": None, "subscription_details": details}


def add_line(mode: Mode, invoice: Object, line: Object) -> Object:
    """The line, on the invoice."""
    item, subscription = line.get("_item"), line.get("_subscription")
    invoice_item = line.get("_invoice_item")
    if invoice_item:
        mode.get("invoiceitem", invoice_item)["invoice"] = invoice["id"]
        details = {"invoice_item": invoice_item, "proration": line["_is_proration"],
                   "proration_details": {"credited_items": None}, "subscription": subscription}  # fmt: skip
        parent = {"type": "invoice_item_details", "invoice_item_details": details, "subscription_item_details": None}
    elif item:
        details = {"invoice_item": None, "proration": line["_is_proration"],
                   "proration_details": {"credited_items": None}, "subscription": subscription,
                   "subscription_item": item}  # fmt: skip
        parent = {"type": "subscription_item_details", "subscription_item_details": details,
                  "invoice_item_details": None}  # fmt: skip
    else:
        parent = None
    made = mode.add("line_item", line | {"invoice": invoice["id"], "subscription": subscription, "parent": parent})
    invoice["_lines"].append(made["id"])
    return made


def lines_of(mode: Mode, invoice: Object) -> list[Object]:
    found = [mode.peek("line_item", key) for key in invoice["_lines"]]
    return [line for line in found if line is not None]


def recount(mode: Mode, invoice: Object) -> None:
    """Sums of the lines, and what is due after the customer's balance.

    Source: docs.stripe.com/billing/customer/balance.
    """
    total = sum(line["amount"] for line in lines_of(mode, invoice))
    invoice |= {"subtotal": total, "total": total, "subtotal_excluding_tax": total, "total_excluding_tax": total}
    invoice |= {"total_discount_amounts": [], "total_pretax_credit_amounts": [], "total_taxes": []}
    customer = mode.peek("customer", invoice["customer"]) or {}
    balance = customer.get("balance", 0)
    due = max(0, total + balance)
    if due < minimum(invoice["currency"]):
        due = 0  # too small to charge: carried over to the next invoice as a balance
    invoice |= {"starting_balance": balance, "amount_due": due}
    invoice["amount_remaining"] = invoice["amount_due"] - invoice["amount_paid"]
    invoice["amount_shipping"] = 0


def finalize(mode: Mode, invoice: Object) -> None:
    """Fix the lines, number the invoice and make its PaymentIntent; nothing due means paid."""
    if invoice["status"] != "draft":
        raise invalid("This invoice is already finalized, you can't re-finalize a non-draft invoice.", param="id")
    recount(mode, invoice)
    now = mode.now(invoice["test_clock"])
    customer = mode.get("customer", invoice["customer"])
    customer["_numbered"] = customer.get("_numbered", 0) + 1
    ending = invoice["starting_balance"] + invoice["total"] - invoice["amount_due"]
    _set_balance(mode, customer, invoice, ending)
    invoice |= {
        "status": "open",
        "number": f"{customer['invoice_prefix']}-{customer['_numbered']:04d}",
        "ending_balance": ending,
        "effective_at": now,
        "automatically_finalizes_at": None,
        "hosted_invoice_url": f"{mode.address}/invoices/{invoice['id']}",
        "invoice_pdf": f"{mode.address}/invoices/{invoice['id']}/pdf",
    }
    invoice["status_transitions"]["finalized_at"] = now
    if invoice["collection_method"] == "send_invoice":
        invoice["due_date"] = invoice.get("due_date") or now + 86400 * (invoice.get("_days_until_due") or 30)
    if invoice["amount_due"] > 0:
        _make_intent(mode, invoice)
    emit(mode, "invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        mark_paid(mode, invoice)


def _set_balance(mode: Mode, customer: Object, invoice: Object, ending: int) -> None:
    before = customer["balance"]
    if ending == before:
        return
    customer["balance"] = ending
    mode.add(
        "customer_balance_transaction",
        {"amount": ending - before, "currency": invoice["currency"], "customer": customer["id"],
         "ending_balance": ending, "invoice": invoice["id"], "metadata": {},
         "type": "applied_to_invoice" if ending > before else "invoice_too_large"},
        clock=customer.get("test_clock"),
    )  # fmt: skip
    emit(mode, "customer.updated", customer)


def _make_intent(mode: Mode, invoice: Object) -> None:
    intent = payments.create_intent(
        mode, invoice["amount_due"], invoice["currency"], customer=invoice["customer"],
        description="Subscription update" if invoice["_subscription"] else f"Payment for Invoice {invoice['number']}",
        setup_future_usage="off_session" if invoice["_subscription"] else None, _invoice=invoice["id"],
    )  # fmt: skip
    payment = mode.add(
        "invoice_payment",
        {"amount_paid": None, "amount_requested": invoice["amount_due"], "currency": invoice["currency"],
         "invoice": invoice["id"], "is_default": True, "status": "open",
         "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
         "status_transitions": {"canceled_at": None, "paid_at": None}},
        clock=invoice["test_clock"],
    )  # fmt: skip
    invoice["_intent"] = intent["id"]
    invoice["_payment"] = payment["id"]


def intent_of(mode: Mode, invoice: Object) -> Object | None:
    return mode.get("payment_intent", invoice["_intent"]) if invoice.get("_intent") else None


def mark_paid(mode: Mode, invoice: Object, *, out_of_band: bool = False) -> None:
    """Set everything to paid and say so."""
    now = mode.now(invoice["test_clock"])
    invoice |= {"status": "paid", "attempted": True, "next_payment_attempt": None, "auto_advance": False}
    invoice |= {"amount_paid": invoice["amount_due"], "amount_remaining": 0, "_paid_out_of_band": out_of_band}
    invoice["status_transitions"]["paid_at"] = now
    if invoice.get("_payment"):
        payment = mode.get("invoice_payment", invoice["_payment"])
        payment |= {"status": "paid", "amount_paid": invoice["amount_due"]}
        payment["status_transitions"]["paid_at"] = now
        emit(mode, "invoice_payment.paid", payment)
    emit(mode, "invoice.paid", invoice)
    emit(mode, "invoice.payment_succeeded", invoice)


def void(mode: Mode, invoice: Object) -> None:
    """Source: docs.stripe.com/api/invoices/void: only what is open or uncollectible."""
    if invoice["status"] not in _OPEN:
        raise invalid(f"You can only pass in open invoices. This invoice isn't open: it is {invoice['status']}.")
    invoice |= {"status": "void", "next_payment_attempt": None, "auto_advance": False}
    invoice["status_transitions"]["voided_at"] = mode.now(invoice["test_clock"])
    _cancel_intent(mode, invoice, "void_invoice")
    emit(mode, "invoice.voided", invoice)


def mark_uncollectible(mode: Mode, invoice: Object) -> None:
    """Source: docs.stripe.com/api/invoices/mark_uncollectible."""
    if invoice["status"] != "open":
        raise invalid(f"You can only mark open invoices as uncollectible; this one is {invoice['status']}.")
    invoice |= {"status": "uncollectible", "next_payment_attempt": None}
    invoice["status_transitions"]["marked_uncollectible_at"] = mode.now(invoice["test_clock"])
    emit(mode, "invoice.marked_uncollectible", invoice)
    emit(mode, "invoice.updated", invoice)


def _cancel_intent(mode: Mode, invoice: Object, reason: str) -> None:
    intent = intent_of(mode, invoice)
    if intent is not None:
        payments.cancel(mode, intent, reason)
        payment = mode.get("invoice_payment", invoice["_payment"])
        payment["status"] = "canceled"
