"""What may be given back of an invoice, and how it is divided. Reads rows of ours alone; asks nobody.

What was paid by card can go back there; the rest of an invoice was paid from the customer's balance, and goes back
to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from apim.billing.models import Adjustment, Invoice, InvoiceQuerySet
from apim.errors import Conflict, Invalid
from apim.listing import enumerated
from apim.pricing.money import from_minor, minor_digits, money_text, to_minor

WAYS: Final = ("card", "balance", "outside")
_THREE: Final = 3
_MOST: Final = 10**11  # minor units; no payment is larger


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be given back, and how.

    Shapes: lines = {id of a line: amount in major units}, amount = of the invoice as a whole; neither = all that is
    left. way: card = as it was paid, balance = on the customer's balance, outside = paid back elsewhere.
    """

    way: str = "card"
    amount: str = ""
    lines: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """What can still be given back, in minor units. Shapes: to_card = of amount, what was paid by card; by line."""

    amount: int
    to_card: int
    lines: Mapping[str, int]


def with_given_back(invoices: InvoiceQuerySet) -> InvoiceQuerySet:
    """The invoices, each with what was given back of it as `given_back`. One query more, however many there are."""
    return invoices.prefetch_related(Prefetch("adjustments", Adjustment.objects.standing(), to_attr="given_back"))


def left_of(invoice: Invoice) -> Left:
    """What is left of an invoice, after all that was given back or is about to be. One query."""
    rows = list(Adjustment.objects.filter(invoice=invoice).standing())
    given = sum(row.amount for row in rows)
    returned = sum(row.refund_amount + row.outside_amount for row in rows)
    paid = invoice.total if invoice.status == "paid" else 0
    left = max(0, paid - given)
    by_line = {line["id"]: line["amount"] for line in invoice.lines if line.get("id") and line["amount"] > 0}
    for row in rows:
        for each in row.lines:
            if each["line"] in by_line:
                by_line[each["line"]] -= each["amount"]
    lines = {name: max(0, min(amount, left)) for name, amount in by_line.items()}
    return Left(left, min(left, max(0, invoice.amount_paid - returned)), lines)


def plan_of(invoice: Invoice, wish: Wish) -> Adjustment:
    """The unsaved row of what the wish means now.

    Errors: billing.nothing_paid, billing.nothing_left, billing.amount_wrong, billing.too_much, billing.line_unknown,
    billing.way_unknown, billing.lines_with_taxes.
    """
    if wish.way not in WAYS:
        raise Invalid(
            "billing.way_unknown",
            _("`%(way)s` is no way.") % {"way": wish.way},
            hint=_("One of %(names)s.") % {"names": enumerated(WAYS)},
            field="way",
        )
    if invoice.status != "paid":
        raise Conflict(
            "billing.nothing_paid",
            _("Invoice %(invoice)s is %(status)s: nothing was paid.") % {"invoice": invoice, "status": invoice.status},
        )
    left = left_of(invoice)
    if not left.amount:
        raise Conflict("billing.nothing_left", _("All of invoice %(invoice)s was given back.") % {"invoice": invoice})
    lines = _lines_of(invoice, wish, left)
    if lines:
        amount = sum(int(str(each["amount"])) for each in lines)
    else:
        amount = whole_amount(wish.amount, invoice.currency) if wish.amount else left.amount
    if amount > left.amount:
        raise _too_much(invoice, left.amount, "amount")
    if wish.way == "outside" and amount > left.to_card:
        raise _too_much(invoice, left.to_card, "amount")
    to_card = min(amount, left.to_card) if wish.way == "card" else 0
    outside = amount if wish.way == "outside" else 0
    return Adjustment(
        organization=invoice.organization,
        invoice=invoice,
        mode=invoice.mode,
        currency=invoice.currency,
        amount=amount,
        refund_amount=to_card,
        credit_amount=amount - to_card - outside,
        outside_amount=outside,
        lines=lines,
    )


def whole_amount(text: str, currency: str, field: str = "amount") -> int:
    """The minor units of an amount as people write it. Errors: billing.amount_wrong."""
    try:
        minor = to_minor(Decimal(text.strip()), currency)
    except (ArithmeticError, ValueError) as error:
        hint = _("Such as `%(value)s`.") % {"value": money_text(from_minor(1230, currency), currency)}
        raise Invalid(
            "billing.amount_wrong",
            _("`%(text)s` is no amount of %(currency)s.") % {"text": text, "currency": currency},
            hint=hint,
            field=field,
        ) from error
    if not 0 < minor <= _MOST:
        raise Invalid("billing.amount_wrong", _("An amount is more than nothing, and no fortune."), field=field)
    if minor_digits(currency) == _THREE and minor % 10:
        hint = _("Card networks know no more than two decimals of it.")
        raise Invalid(
            "billing.amount_wrong",
            _("The last digit of an amount in %(currency)s is 0.") % {"currency": currency},
            hint=hint,
            field=field,
        )
    return minor


def _lines_of(invoice: Invoice, wish: Wish, left: Left) -> list[dict[str, object]]:
    """Shapes: as in Adjustment.lines."""
    if not wish.lines:
        return []
    if sum(line["amount"] for line in invoice.lines) != invoice.total:
        hint = _("Give back an amount of the invoice as a whole.")
        message = _("The invoice has taxes or discounts, which belong to no line.")
        raise Conflict("billing.lines_with_taxes", message, hint=hint)
    names = {line.get("id"): line["name"] for line in invoice.lines}
    found: list[dict[str, object]] = []
    for line, text in wish.lines.items():
        field = f"lines.{line}"
        if line not in left.lines:
            message = _("`%(line)s` is no line that money can be given back of.") % {"line": line}
            raise Invalid("billing.line_unknown", message, hint=_("Reload the page."), field=field)
        amount = whole_amount(text, invoice.currency, field)
        if amount > left.lines[line]:
            raise _too_much(invoice, left.lines[line], field)
        found.append({"line": line, "name": names[line], "amount": amount})
    return found


def _too_much(invoice: Invoice, left: int, field: str) -> Invalid:
    words = f"{money_text(from_minor(left, invoice.currency), invoice.currency)} {invoice.currency}"
    return Invalid(
        "billing.too_much",
        _("Only %(words)s can be given back here.") % {"words": words},
        hint=_("Reload the page."),
        field=field,
    )
