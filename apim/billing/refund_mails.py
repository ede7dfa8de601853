"""The mail that says what was given back. Written with the row that it is about, so it comes once."""

from __future__ import annotations

from django.conf import settings

from apim.accounts.models import Membership
from apim.billing.models import Adjustment
from apim.notifications.services import send_mail
from apim.pricing.money import from_minor, money_text


def tell_given_back(row: Adjustment) -> None:
    """Mail everybody of who paid. Inside the transaction that makes the row done."""
    members = Membership.objects.filter(organization=row.organization_id, user__is_active=True)
    of = f" of invoice {row.invoice}" if row.invoice is not None else ""
    body = [f"{amount_words(row.amount, row.currency)}{of}: {ways_in_words(row)}.", ""]
    if row.reason:
        body += [f"The reason: {row.reason}", ""]
    body.append(f"All of it is on {settings.BASE_URL}/my/billing")
    send_mail(
        to=members.values_list("user__email", flat=True),
        subject=f"{amount_words(row.amount, row.currency)} back",
        body="\n".join(body) + "\n",
    )


def ways_in_words(row: Adjustment) -> str:
    """Where the money went: `12.00 EUR to the card, 3.00 EUR on the balance for the next invoices`."""
    ways = (
        (row.refund_amount, "to the card, which takes some days"),
        (row.credit_amount, "on the balance, from which the next invoices are paid first"),
        (row.outside_amount, "paid back outside of Stripe"),
    )
    found = [f"{amount_words(amount, row.currency)} {words}" for amount, words in ways if amount]
    return "; ".join(found) or f"{amount_words(row.amount, row.currency)} taken off what was due"


def amount_words(minor: int, currency: str) -> str:
    """`41.96 EUR`."""
    return f"{money_text(from_minor(minor, currency), currency)} {currency}"
