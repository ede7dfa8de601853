"""Giving money back: a credit note with its refund in one request to Stripe, or goodwill on the customer's balance.

What is wanted is kept first, with a key, under the lock of its invoice: of two tabs, or of a request that is sent
again, one row comes, and no two rows give back more than was paid. Only then is Stripe asked, by the row's own
idempotency key; whoever dies on the way leaves a row that is carried out later, and looks first whether it was.
Source: docs.stripe.com/api/credit_notes/create, docs.stripe.com/api/customer_balance_transactions/create.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from itertools import takewhile
from typing import Any, Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from apim.accounts.models import Organization
from apim.audit.actor import Actor
from apim.audit.services import record
from apim.billing.connection import Connection, require_connection
from apim.billing.customers import ensure_customer
from apim.billing.driver import KEY_IN_USE, DriverFailed, Object, provider_failed
from apim.billing.giving import Wish, plan_of, whole_amount
from apim.billing.models import Adjustment, Invoice
from apim.billing.refund_mails import tell_given_back
from apim.billing.returning import OUR_ADJUSTMENT, follow_returns, take_note
from apim.billing.standing import Unmatched
from apim.errors import Conflict, Invalid
from apim.pricing.money import CURRENCIES

logger = logging.getLogger(__name__)

_CLAIM: Final = timedelta(minutes=2)
_FIRST_PAUSE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_LONGEST_REASON: Final = 500
_SKEW_S: Final = 24 * 3600  # between Stripe's clock and ours, generously
_BALANCE: Final = "customer.balance_transaction"


def preview(*, invoice: Invoice, wish: Wish) -> Adjustment:
    """What giving this back would be, unsaved, with what Stripe says of it; nothing is kept there.

    Errors: those of plan_of; billing.not_connected, billing.provider_failed.
    """
    connection = require_connection()
    _follow(connection, invoice)
    planned = plan_of(invoice, wish)
    try:
        connection.driver.act("credit_note", "", "preview", _note_params(planned))
    except DriverFailed as failure:
        raise provider_failed(failure) from failure
    return planned


def give_back(*, invoice: Invoice, wish: Wish, reason: str, key: str, by: Actor) -> Adjustment:
    """The row of what is given back, to be carried out; the one that was made with the same key.

    Errors: those of plan_of; billing.reason_missing, billing.not_connected; billing.key_used for another wish.
    """
    connection = require_connection()
    reason = _checked_reason(reason)
    with transaction.atomic():
        invoice = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
        if (known := Adjustment.objects.filter(key=_own_key(by, key)).first()) is not None:
            return _same(known, invoice, reason)
        row = plan_of(invoice, wish)
        row.key, row.mode, row.reason, row.made_by = _own_key(by, key), connection.mode, reason, by.label
        return _keep(row, by=by, action="billing.give_back")


def give_goodwill(
    *, organization: Organization, amount: str, currency: str, reason: str, key: str, by: Actor
) -> Adjustment:
    """The row of a credit on the customer's balance, which the next invoices are paid from first.

    Errors: billing.amount_wrong, billing.reason_missing, billing.not_connected, billing.key_used.
    """
    connection = require_connection()
    reason = _checked_reason(reason)
    if currency not in CURRENCIES:
        raise Invalid(
            "billing.currency_wrong", _("`%(currency)s` is no currency.") % {"currency": currency}, field="currency"
        )
    minor = whole_amount(amount, currency)
    with transaction.atomic():
        Organization.objects.select_for_update(of=("self",)).get(pk=organization.pk)
        if (known := Adjustment.objects.filter(key=_own_key(by, key)).first()) is not None:
            return _same(known, None, reason)
        row = Adjustment(
            key=_own_key(by, key),
            mode=connection.mode,
            organization=organization,
            currency=currency,
            amount=minor,
            credit_amount=minor,
            reason=reason,
            made_by=by.label,
        )
        return _keep(row, by=by, action="billing.give_goodwill")


def carry_out(adjustment_id: str) -> Adjustment:
    """The adjustment after Stripe was asked; one that another process has under way, or that is done, as it is.

    Errors: billing.not_connected. What Stripe refuses stands in the row; what it did not answer is tried again later.
    """
    connection = require_connection()
    now = timezone.now()
    due = Adjustment.objects.filter(pk=adjustment_id, state=Adjustment.State.PENDING, mode=connection.mode)
    claimed = due.filter(retry_at__lte=now).update(attempts=F("attempts") + 1, retry_at=now + _CLAIM)
    row = Adjustment.objects.select_related("invoice", "organization").get(pk=adjustment_id)
    if not claimed:
        return row
    try:
        _ask(connection, row)
    except DriverFailed as failure:
        _put_off(row, failure)
    row.refresh_from_db()
    return row


def finish_due(connection: Connection) -> int:
    """How many of those that were left on the way are done now."""
    due = Adjustment.objects.filter(
        mode=connection.mode, state=Adjustment.State.PENDING, retry_at__lte=timezone.now()
    ).values_list("pk", flat=True)
    return sum(carry_out(each).state == Adjustment.State.DONE for each in list(due[:200]))


def _checked_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise Invalid("billing.reason_missing", _("Say why."), hint=_("Who paid reads it."), field="reason")
    if len(reason) > _LONGEST_REASON:
        raise Invalid(
            "billing.reason_long",
            _("A reason has at most %(longest_reason)s characters.") % {"longest_reason": _LONGEST_REASON},
            field="reason",
        )
    return reason


def _own_key(by: Actor, key: str) -> str:
    """A key is its maker's own: nobody meets what another one asked for."""
    if not key or len(key) > 64:  # noqa: PLR2004 - beside the id in one column
        raise Invalid("billing.key_missing", _("A key of at most 64 characters makes one of what is sent twice."))
    return f"{by.id}:{key}"


def _same(known: Adjustment, invoice: Invoice | None, reason: str) -> Adjustment:
    if known.invoice_id != (invoice.pk if invoice else None) or known.reason != reason:
        raise Conflict(
            "billing.key_used", _("This form was sent before, with another content."), hint=_("Open it anew.")
        )
    return known


def _keep(row: Adjustment, *, by: Actor, action: str) -> Adjustment:
    row.retry_at = timezone.now()
    row.save(force_insert=True)
    after = {
        "amount": row.amount,
        "currency": row.currency,
        "refund": row.refund_amount,
        "credit": row.credit_amount,
        "outside": row.outside_amount,
        "invoice": row.invoice_id or "",
    }
    record(by=by, action=action, target=row, after=after, organization_id=row.organization_id, reason=row.reason)
    return row


def _ask(connection: Connection, row: Adjustment) -> None:
    """Have it done at Stripe, once. Errors: DriverFailed."""
    key = f"apim:adjustment:{row.id}"
    if row.invoice is None:
        customer = ensure_customer(connection, row.organization)
        found = _movement(connection, customer, row) if row.attempts > 1 else None
        if found is None:
            params = {
                "amount": -row.amount,
                "currency": row.currency.lower(),
                "description": row.reason[:350],
                "metadata": {OUR_ADJUSTMENT: row.id},
            }
            found = connection.driver.act(_BALANCE, customer, "create", params, key=key)
        _finish_goodwill(row, found)
        return
    note = _note(connection, row) if row.attempts > 1 else None
    if note is None:
        note = connection.driver.make("credit_note", _note_params(row), key=key)
    take_note(row.invoice, note)
    _follow(connection, row.invoice)


def _note_params(row: Adjustment) -> dict[str, Any]:
    params: dict[str, Any] = {"invoice": row.invoice_id}
    if row.reason:
        params |= {"memo": row.reason, "metadata": {OUR_ADJUSTMENT: row.id}}
    if row.lines:
        params["lines"] = [
            {"type": "invoice_line_item", "invoice_line_item": each["line"], "amount": each["amount"]}
            for each in row.lines
        ]
    else:
        params["amount"] = row.amount
    parts = {
        "refund_amount": row.refund_amount,
        "credit_amount": row.credit_amount,
        "out_of_band_amount": row.outside_amount,
    }
    return params | {name: amount for name, amount in parts.items() if amount}


def _note(connection: Connection, row: Adjustment) -> Object | None:
    """The credit note that an interrupted try left at Stripe."""
    notes = connection.driver.list("credit_note", {"invoice": row.invoice_id})
    return next((each for each in notes if _ours(each) == row.id), None)


def _movement(connection: Connection, customer: str, row: Adjustment) -> Object | None:
    """The movement of the balance that an interrupted try left at Stripe; none of them is older than the row."""
    since = row.created_at.timestamp() - _SKEW_S
    newest_first = connection.driver.list(_BALANCE, {}, of=customer)
    younger = takewhile(lambda each: each["created"] >= since, newest_first)
    return next((each for each in younger if _ours(each) == row.id), None)


def _ours(found: Mapping[str, Any]) -> str:
    return str((found.get("metadata") or {}).get(OUR_ADJUSTMENT, ""))


@transaction.atomic
def _finish_goodwill(row: Adjustment, found: Object) -> None:
    row = Adjustment.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if row.state != Adjustment.State.PENDING:
        return
    row.state, row.stripe_id, row.done_at = Adjustment.State.DONE, found["id"], timezone.now()
    row.error, row.retry_at = "", None
    row.save(update_fields=["state", "stripe_id", "done_at", "error", "retry_at"])
    tell_given_back(row)


def _put_off(row: Adjustment, failure: DriverFailed) -> None:
    pending = Adjustment.objects.filter(pk=row.pk, state=Adjustment.State.PENDING)
    if failure.is_passing or failure.code == KEY_IN_USE:
        pause = min(_FIRST_PAUSE * 2 ** min(row.attempts, 10), _LONGEST_PAUSE)
        pending.update(error=str(failure)[:500], retry_at=timezone.now() + pause)
        return
    logger.warning("adjustment %s was refused: %s", row.id, failure)
    pending.update(state=Adjustment.State.FAILED, error=str(failure)[:500], retry_at=None)


def _follow(connection: Connection, invoice: Invoice) -> None:
    """What stands at Stripe now is known here; when it does not answer, the events tell it later."""
    try:
        follow_returns(connection, invoice)
    except (DriverFailed, Unmatched) as fault:
        logger.warning("what was given back of %s is read later: %s", invoice.pk, fault)
