"""Cards: a new card of a payer is charged for what runs already, and for what is still open.

Stripe charges a subscription that was bought in a checkout from the card of that checkout, whatever card its customer
chooses later. Source: docs.stripe.com/api/subscriptions/object (default_payment_method).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from apim.billing.connection import Connection
from apim.billing.driver import DriverFailed, Object
from apim.billing.models import BillingSubscription, Customer

_OVER: Final = ("canceled", "incomplete_expired")


def tells_new_card(event: Mapping[str, Any]) -> bool:
    """True for an event that tells of a customer's new default card."""
    before = (event["data"].get("previous_attributes") or {}).get("invoice_settings") or {}
    return event.get("type") == "customer.updated" and "default_payment_method" in before


def follow_card(connection: Connection, customer_id: str) -> str:
    """What the customer's card of now led to: English sentences, one a line. Errors: DriverFailed; not if declined."""
    customer = Customer.objects.filter(mode=connection.mode, stripe_id=customer_id).first()
    if customer is None:
        return "Nothing depends on it here."
    card = _card_of(connection.driver.find("customer", customer_id).get("invoice_settings") or {})
    if not card:
        return "Nothing depends on it here."
    told = []
    mirrors = BillingSubscription.objects.filter(
        mode=connection.mode, subscription__organization=customer.organization_id
    ).exclude(stripe_id="")
    for mirror in mirrors.exclude(status__in=_OVER):
        found = connection.driver.find("subscription", mirror.stripe_id)
        if found["status"] not in _OVER and _card_of(found) not in ("", card):
            connection.driver.change("subscription", mirror.stripe_id, {"default_payment_method": card})
            told.append(f"{mirror.subscription_id} is charged from the new card.")
    invoices = connection.driver.list("invoice", {"customer": customer_id, "status": "open"})
    due = [each for each in invoices if each.get("attempted") and each["amount_remaining"]]
    told += [_pay(connection, invoice, card) for invoice in due]
    return "\n".join(told) or "No subscription has another card."


def _pay(connection: Connection, invoice: Object, card: str) -> str:
    """Pay what is open from the card; the event of the payment does the rest."""
    name = invoice.get("number") or invoice["id"]
    key = f"apim:pay:{invoice['id']}:{card}:{invoice.get('attempt_count')}"
    try:
        connection.driver.act("invoice", invoice["id"], "pay", {"payment_method": card}, key=key)
    except DriverFailed as failure:
        if failure.is_passing:
            raise
        return "\n".join((f"Invoice {name} is still open.", str(failure)))
    return f"Invoice {name} is paid."


def _card_of(settings: Mapping[str, Any]) -> str:
    """The id of the default card that settings name; "" for none."""
    card = settings.get("default_payment_method") or ""
    return str(card["id"] if isinstance(card, Mapping) else card)
