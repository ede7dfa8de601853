"""True-ups: what Stripe has no price for, put on its drafts as lines of amounts: bounds of spend, and arrears.

A draft stays one for about an hour. Its lines of ours are made to be what our rating says now, as often as one looks:
usage that arrives meanwhile changes them. What is on an invoice that is final stays.
Source: docs.stripe.com/api/invoiceitems, docs.stripe.com/billing/invoices/subscription.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from apim.billing.charged_usage import charged_since
from apim.billing.connection import Connection
from apim.billing.customers import find_customer
from apim.billing.driver import DriverFailed
from apim.billing.invoices import OUR_PART, sync_invoice
from apim.billing.models import BillingSubscription, Invoice
from apim.billing.reconciling import charged, usage_between
from apim.billing.standing import Unmatched
from apim.pricing.closing import closing, has_true_ups, true_ups
from apim.pricing.money import to_minor
from apim.pricing.rating import Line, Period, Rated, rate
from apim.pricing.settling import settled

logger = logging.getLogger(__name__)

_KIND: Final = "apim_kind"  # minimum, maximum or flat: a part may have two of them
_ROUNDS: Final = 3
_SAID: Final = {"minimum": "up to the minimum", "maximum": "above the maximum spend, not charged", "flat": ""}

_Wanted = dict[tuple[str, str], Line]


def true_up(connection: Connection, invoice: Invoice) -> Invoice:
    """The invoice, with our lines as they are due while it is a draft. Errors: DriverFailed; Unmatched."""
    if invoice.status != "draft":
        return invoice
    terms, rated = charged(invoice)
    if terms is None or rated is None or not has_true_ups(terms):
        return invoice
    wanted: _Wanted = {(line.name, str(line.kind)): line for line in true_ups(terms, rated)}
    for _ in range(_ROUNDS):  # whoever did the same meanwhile is found in the next round
        if not _converge(connection, invoice, wanted, rated):
            return invoice
        invoice = sync_invoice(connection, invoice.pk)
    return invoice


def true_up_drafts(connection: Connection) -> int:
    """How many drafts were looked at: usage that came since changes what is due."""
    drafts = Invoice.objects.filter(mode=connection.mode, status="draft").select_related("subscription__plan_version")
    looked = 0
    for invoice in drafts:
        try:
            true_up(connection, sync_invoice(connection, invoice.pk))
        except (DriverFailed, Unmatched) as fault:
            logger.warning("the draft %s is looked at later: %s", invoice.pk, fault)
            continue
        looked += 1
    return looked


def true_up_last(connection: Connection, subscription_id: str) -> None:
    """What is due of the begun period waits at Stripe for the invoice that a cancellation makes at once.

    Should the cancellation fail, the next draft that comes puts it right. Errors: DriverFailed.
    """
    mirror = BillingSubscription.objects.select_related("subscription__plan_version").get(pk=subscription_id)
    terms = closing(mirror.subscription.plan_version.terms)
    customer = find_customer(connection, mirror.subscription.organization_id)
    if customer is None or mirror.period_start is None or mirror.status == "trialing" or not has_true_ups(terms):
        return
    since = charged_since({subscription_id: mirror.period_start})[subscription_id]
    usage = usage_between(subscription_id, terms, since, mirror.period_end)
    rated = settled(rate(terms, usage, period=Period.LATER))
    waiting = connection.driver.list("invoiceitem", {"customer": customer.stripe_id, "pending": True})
    known = {_name_of(item) for item in waiting}
    for line in true_ups(terms, rated):
        if line.amount and (line.name, str(line.kind)) not in known:
            minor = to_minor(line.amount, rated.currency)
            params = _params(line, rated) | {"customer": customer.stripe_id, "subscription": mirror.stripe_id}
            key = f"apim:last:{mirror.stripe_id}:{int(mirror.period_start.timestamp())}:{line.name}:{line.kind}:{minor}"
            connection.driver.make("invoiceitem", params, key=key[:255])


def _converge(connection: Connection, invoice: Invoice, wanted: _Wanted, rated: Rated) -> bool:
    """True when a line of the draft was made, changed or taken away."""
    driver = connection.driver
    due = {name: to_minor(line.amount, rated.currency) for name, line in wanted.items()}
    due = {name: minor for name, minor in due.items() if minor}
    changed = False
    for item in driver.list("invoiceitem", {"invoice": invoice.pk}):
        name = _name_of(item)
        if not name[0]:
            continue  # somebody's own
        minor = due.pop(name, 0)  # the second one of a name goes
        if not minor:
            driver.act("invoiceitem", item["id"], "delete", {})
        elif minor != item["amount"]:
            driver.change("invoiceitem", item["id"], {"amount": minor})
        else:
            continue
        changed = True
    customer = find_customer(connection, invoice.organization_id)
    for name, minor in due.items():
        if customer is None:
            break
        params = _params(wanted[name], rated) | {"customer": customer.stripe_id, "invoice": invoice.pk}
        driver.make("invoiceitem", params, key=f"apim:true-up:{invoice.pk}:{name[0]}:{name[1]}:{minor}"[:255])
        changed = True
    return changed


def _params(line: Line, rated: Rated) -> dict[str, Any]:
    said = _SAID[str(line.kind)]
    return {
        "amount": to_minor(line.amount, rated.currency),
        "currency": rated.currency.lower(),
        "description": f"{line.name}: {said}" if said and line.name not in said else line.name,
        "metadata": {OUR_PART: line.name, _KIND: str(line.kind)},
    }


def _name_of(item: Mapping[str, Any]) -> tuple[str, str]:
    """The name and kind of a line of ours; ("", "") of somebody else's."""
    metadata = item.get("metadata") or {}
    return str(metadata.get(OUR_PART, "")), str(metadata.get(_KIND, ""))
