"""The mail that says what was given back. Written with the row that it is about, so it comes once."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _

from apim.accounts.models import Membership
from apim.billing.models import Adjustment
from apim.listing import clauses
from apim.notifications.posting import post
from apim.pricing.money import from_minor, money_text


def tell_given_back(row: Adjustment) -> None:
    """Mail everybody of who paid. Inside the transaction that makes the row done."""
    members = Membership.objects.filter(organization=row.organization_id, user__is_active=True)
    amount = amount_words(row.amount, row.currency)
    post(
        "billing.given_back",
        to=members.values_list("user__email", flat=True),
        values={
            "amount": amount,
            "what": lambda: _what(amount, row),
            "ways": lambda: ways_in_words(row),
            "reason": lambda: "\n" + _("The reason: %(reason)s") % {"reason": row.reason} + "\n" if row.reason else "",
            "link": f"{settings.BASE_URL}/my/billing",
        },
    )


def _what(amount: str, row: Adjustment) -> str:
    if row.invoice is None:
        return amount
    return _("%(amount)s of invoice %(invoice)s") % {"amount": amount, "invoice": row.invoice}


def ways_in_words(row: Adjustment) -> str:
    """Where the money went: `12.00 EUR to the card, 3.00 EUR on the balance for the next invoices`."""
    ways = (
        (row.refund_amount, _("%(amount)s to the card, which takes some days")),
        (row.credit_amount, _("%(amount)s on the balance, from which the next invoices are paid first")),
        (row.outside_amount, _("%(amount)s paid back outside of Stripe")),
    )
    found = [words % {"amount": amount_words(amount, row.currency)} for amount, words in ways if amount]
    due = _("%(amount)s taken off what was due") % {"amount": amount_words(row.amount, row.currency)}
    return clauses(found) or due


def amount_words(minor: int, currency: str) -> str:
    """`41.96 EUR`."""
    return f"{money_text(from_minor(minor, currency), currency)} {currency}"
