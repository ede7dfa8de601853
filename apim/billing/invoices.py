"""Invoices of Stripe, kept here as they are there: a read model, written only from Stripe's present state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction

from apim.billing.connection import Connection
from apim.billing.driver import Object
from apim.billing.folding import moment_of, subscription_id_of
from apim.billing.models import BillingSubscription, Customer, Invoice
from apim.billing.standing import Unmatched

OUR_PART: Final = "apim_part"  # of a line that we put on a draft: the name by which our rating has it
_TEXT_AT_MOST: Final = 200


def sync_invoice(connection: Connection, stripe_id: str) -> Invoice:
    """The invoice as Stripe has it now. Errors: Unmatched; DriverFailed."""
    found = connection.driver.find("invoice", stripe_id)
    return _keep_invoice(connection, found, _all_lines(connection, found))


def _all_lines(connection: Connection, found: Object) -> list[Object]:
    """Every line: an invoice brings the first ten alone. Source: docs.stripe.com/api/invoice-line-item/retrieve."""
    if not found["lines"]["has_more"]:
        return list(found["lines"]["data"])
    return list(connection.driver.list("invoice.line_item", {}, of=found["id"]))


@transaction.atomic
def _keep_invoice(connection: Connection, found: Object, lines: list[Object]) -> Invoice:
    customer = Customer.objects.filter(mode=connection.mode, stripe_id=_text(found.get("customer"))).first()
    if customer is None:
        raise Unmatched(f"The customer {found.get('customer')} is not one of ours.")
    mirror = BillingSubscription.objects.filter(stripe_id=subscription_id_of("invoice", found) or "none").first()
    periods = [line["period"] for line in lines if line.get("period")]
    known = Invoice.objects.select_for_update().filter(stripe_id=found["id"]).first()
    if known is not None and _progress(known.status) > _progress(found["status"]):
        return known  # another reader was quicker, and saw it later
    invoice, _ = Invoice.objects.update_or_create(
        stripe_id=found["id"],
        defaults={
            "mode": connection.mode,
            "organization_id": customer.organization_id,
            "subscription_id": mirror.subscription_id if mirror else None,
            "number": found.get("number") or "",
            "status": found["status"],
            "currency": found["currency"].upper(),
            "subtotal": found["subtotal"],
            "total": found["total"],
            "amount_paid": found["amount_paid"],
            "amount_remaining": found["amount_remaining"],
            "attempts": found.get("attempt_count") or 0,
            "lines": [_line_of(line) for line in lines],
            "reason": found.get("billing_reason") or "",
            "period_start": moment_of(min((p["start"] for p in periods), default=found["period_start"])),
            "period_end": moment_of(max((p["end"] for p in periods), default=found["period_end"])),
            "created_at": moment_of(found["created"]),
            "hosted_url": found.get("hosted_invoice_url") or "",
            "pdf_url": found.get("invoice_pdf") or "",
        },
    )
    return invoice


def _progress(status: str) -> int:
    """How far an invoice is: it never goes back, so of two states the further one is the later one."""
    return {"draft": 0, "open": 1, "uncollectible": 2}.get(status, 3)


def _line_of(line: Mapping[str, Any]) -> dict[str, Any]:
    pricing = (line.get("pricing") or {}).get("price_details") or {}
    return {
        "id": line["id"],
        "part": (line.get("metadata") or {}).get(OUR_PART, ""),
        "name": (line.get("description") or "")[:_TEXT_AT_MOST],
        "quantity": line.get("quantity"),
        "amount": line["amount"],
        "price": _text(pricing.get("price")),
        "period_start": line["period"]["start"],
        "period_end": line["period"]["end"],
    }


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return str(value.get("id", ""))
    return str(value or "")
