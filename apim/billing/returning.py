"""Returning: what Stripe says was given back of an invoice, mirrored: by us, or by hand on Stripe's own pages.

Like all that comes from Stripe it is read anew, so events may come twice and in any order.
Source: docs.stripe.com/api/credit_notes/object, docs.stripe.com/api/refunds/object,
docs.stripe.com/api/invoice-payment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from apim.audit.actor import system_actor
from apim.audit.services import record, state_of
from apim.billing.connection import Connection
from apim.billing.driver import Object
from apim.billing.folding import moment_of
from apim.billing.models import Adjustment, Invoice
from apim.billing.refund_mails import tell_given_back
from apim.billing.standing import Unmatched

OUR_ADJUSTMENT: Final = "apim_adjustment"  # in the metadata of what we make at Stripe
_BY_HAND: Final = "Stripe, by hand"
_NOT_GIVEN: Final = ("failed", "canceled")


def follow_returned(connection: Connection, kind: str, found: Mapping[str, Any]) -> str:
    """What an event about a credit note, a refund or a charge led to, in words. Errors: Unmatched; DriverFailed."""
    invoice_id = _id(found.get("invoice")) if kind == "credit_note" else _invoice_of(connection, found)
    if not invoice_id:
        return "It paid no invoice."
    invoice = Invoice.objects.filter(pk=invoice_id, mode=connection.mode).first()
    if invoice is None:
        raise Unmatched(f"The invoice {invoice_id} is not known here.")
    changed = follow_returns(connection, invoice)
    return f"{changed} adjustments of invoice {invoice} changed."


def follow_returns(connection: Connection, invoice: Invoice) -> int:
    """How many adjustments of the invoice are new or stand otherwise now. Errors: DriverFailed."""
    driver = connection.driver
    notes = list(driver.list("credit_note", {"invoice": invoice.pk}))
    payments = [each["payment"] for each in driver.list("invoice_payment", {"invoice": invoice.pk})]
    intents = dict.fromkeys(_id(each.get("payment_intent")) for each in payments if each.get("payment_intent"))
    refunds = [each for intent in intents for each in driver.list("refund", {"payment_intent": intent})]
    with transaction.atomic():
        locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
        changed = sum(take_note(locked, note, refunds) for note in notes)
        linked = {_id(each["refund"]) for note in notes for each in note["refunds"]}
        changed += sum(_take_refund(locked, each, is_linked=each["id"] in linked) for each in refunds)
    return changed


@transaction.atomic
def take_note(invoice: Invoice, note: Object, refunds: Iterable[Object] = ()) -> bool:
    """True when the credit note was not known so: ours is done by it, another one becomes a row of its own."""
    ours = (note.get("metadata") or {}).get(OUR_ADJUSTMENT, "")
    rows = Adjustment.objects.select_for_update(of=("self",)).filter(invoice=invoice)
    row = rows.filter(stripe_id=note["id"]).first() or rows.filter(pk=ours, stripe_id="").first()
    if row is None:
        row = Adjustment(
            key=f"stripe:{note['id']}",
            mode=invoice.mode,
            organization_id=invoice.organization_id,
            invoice=invoice,
            currency=invoice.currency,
            is_mirrored=True,
            made_by=_BY_HAND,
            reason=(note.get("memo") or note.get("reason") or "")[:500],
        )
    before = state_of(row)
    is_new = row.state != Adjustment.State.DONE
    parts = note["refunds"]
    row.amount = note["total"]
    row.refund_amount = sum(each["amount_refunded"] for each in parts)
    row.outside_amount = note.get("out_of_band_amount") or 0
    is_lowering = note["type"] == "pre_payment"
    row.credit_amount = 0 if is_lowering else note["total"] - row.refund_amount - row.outside_amount
    row.state = Adjustment.State.VOID if note["status"] == "void" else Adjustment.State.DONE
    row.stripe_id, row.number, row.refunds = note["id"], note["number"], [_id(each["refund"]) for each in parts]
    row.error, row.retry_at = _failures(row.refunds, refunds), None
    row.done_at = row.done_at or moment_of(note["created"])
    return _keep(row, before, is_new=is_new and row.state == Adjustment.State.DONE)


def _take_refund(invoice: Invoice, refund: Object, *, is_linked: bool) -> bool:
    """True when a refund that no credit note speaks of was not known so."""
    rows = Adjustment.objects.select_for_update(of=("self",)).filter(invoice=invoice)
    row = rows.filter(stripe_id=refund["id"]).first()
    if row is None and is_linked:
        return False
    if row is None:
        row = Adjustment(
            key=f"stripe:{refund['id']}",
            mode=invoice.mode,
            organization_id=invoice.organization_id,
            invoice=invoice,
            currency=invoice.currency,
            is_mirrored=True,
            made_by=_BY_HAND,
            reason=(refund.get("reason") or "")[:500],
            stripe_id=refund["id"],
        )
    before = state_of(row)
    is_new = row.state != Adjustment.State.DONE
    row.amount = row.refund_amount = refund["amount"]
    row.refunds = [refund["id"]]
    row.done_at = row.done_at or moment_of(refund["created"])
    if is_linked:
        row.state, row.error = Adjustment.State.VOID, "It is part of a credit note."
    elif refund["status"] in _NOT_GIVEN:
        row.state, row.error = Adjustment.State.FAILED, _failure(refund)
    else:
        row.state, row.error = Adjustment.State.DONE, ""
    return _keep(row, before, is_new=is_new and row.state == Adjustment.State.DONE)


def _keep(row: Adjustment, before: dict[str, Any], *, is_new: bool) -> bool:
    if not row._state.adding and state_of(row) == before:  # noqa: SLF001 - the documented way to tell a row not saved yet
        return False
    is_first = row._state.adding  # noqa: SLF001
    row.done_at = row.done_at or timezone.now()
    row.save()
    record(
        by=system_actor("billing"),
        action="billing.mirror_adjustment" if row.is_mirrored else "billing.settle_adjustment",
        target=row,
        before=None if is_first else before,
        after=state_of(row),
        organization_id=row.organization_id,
    )
    if is_new:
        tell_given_back(row)
    return True


def _failures(ids: Iterable[str], refunds: Iterable[Object]) -> str:
    """What went wrong with the refunds of a credit note, in words: the note stands, the money did not arrive."""
    wanted = set(ids)
    return "\n".join(_failure(each) for each in refunds if each["id"] in wanted and each["status"] in _NOT_GIVEN)[:500]


def _failure(refund: Object) -> str:
    why = (refund.get("failure_reason") or refund["status"]).replace("_", " ")
    return f"The refund {refund['id']} did not arrive: {why}. Pay it back another way."


def _invoice_of(connection: Connection, found: Mapping[str, Any]) -> str:
    """The invoice that a refund's or a charge's payment paid; "" for none."""
    intent = _id(found.get("payment_intent"))
    if not intent:
        return ""
    wanted = {"payment": {"type": "payment_intent", "payment_intent": intent}}
    payment = next(iter(connection.driver.list("invoice_payment", wanted)), None)
    return _id(payment["invoice"]) if payment else ""


def _id(reference: object) -> str:
    if isinstance(reference, Mapping):
        return str(reference.get("id", ""))
    return str(reference or "")
