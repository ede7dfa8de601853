"""Reconciling: each invoice of Stripe beside what our own rating makes of the same usage, every difference named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db.models import Sum
from django.utils import timezone

from apim.billing.connection import Connection
from apim.billing.models import BillingSubscription, CatalogueEntry, Invoice, MeterWindow
from apim.pricing.money import from_minor, money_text, to_minor
from apim.pricing.parts import Flat
from apim.pricing.rating import Period, Rated, rate
from apim.pricing.terms import Terms
from apim.products.models import PlanVersion

_DAYS: Final = 40
_AT_ONCE: Final = timedelta(minutes=1)  # a last invoice is a moment older than the end that it is for
_SETTLED: Final = ("open", "paid", "uncollectible")
_NOTE_AT_MOST: Final = 500
_KEY_PARTS: Final = 5


def reconcile(connection: Connection) -> int:
    """How many invoices of the last weeks differ from our rating; what differs stands with each."""
    since = timezone.now() - timedelta(days=_DAYS)
    invoices = Invoice.objects.filter(mode=connection.mode, status__in=_SETTLED, created_at__gte=since)
    return sum(bool(rate_invoice(invoice).difference) for invoice in invoices)


def rate_invoice(invoice: Invoice) -> Invoice:
    """The invoice with what we make of it: lines, subtotal, the difference, and in words where it comes from."""
    named = _named_lines(invoice)
    version = _version_of(named)
    if version is None or invoice.subscription_id is None:
        return _keep(invoice, None, "No line of it is of a plan of ours.", 0)
    strange = sum(line["amount"] for line in invoice.lines if line["price"] not in named)
    usage = _usage_of(invoice, named)
    rated = rate(_terms_of(invoice, version), usage, period=_period_of(invoice, version))
    theirs: defaultdict[str, int] = defaultdict(int)
    for line in invoice.lines:
        if line["price"] in named:
            theirs[_part_of(named[line["price"]])] += line["amount"]
    ours: defaultdict[str, int] = defaultdict(int)
    for rated_line in rated.lines:
        ours[rated_line.name] += to_minor(rated_line.amount, rated.currency)
    notes = [
        f"{name}: Stripe {_text(theirs[name], invoice)}, here {_text(ours[name], invoice)}"
        for name in sorted({*theirs, *ours})
        if theirs[name] != ours[name]
    ]
    if strange:
        notes.append(f"lines that are no part of the plan: {_text(strange, invoice)}")
    return _keep(invoice, rated, "; ".join(notes), strange)


def _keep(invoice: Invoice, rated: Rated | None, note: str, strange: int) -> Invoice:
    invoice.note = note[:_NOTE_AT_MOST]
    invoice.local_lines = rated.as_mapping()["lines"] if rated else []
    invoice.local_subtotal = to_minor(rated.total, rated.currency) if rated else None
    invoice.difference = (
        invoice.subtotal - strange - invoice.local_subtotal if invoice.local_subtotal is not None else None
    )
    invoice.save(update_fields=["note", "local_lines", "local_subtotal", "difference"])
    return invoice


def _named_lines(invoice: Invoice) -> dict[str, str]:
    """The lookup keys of the prices on the invoice that are ours, by price."""
    prices = {line["price"] for line in invoice.lines if line["price"]}
    entries = CatalogueEntry.objects.filter(mode=invoice.mode, kind="price", stripe_id__in=prices)
    return dict(entries.values_list("stripe_id", "lookup_key"))


def _version_of(named: Mapping[str, str]) -> PlanVersion | None:
    """The one plan version that the prices are of."""
    keys = {tuple(key.split(":")[1:3]) for key in named.values() if key.count(":") == _KEY_PARTS - 1}
    if len(keys) != 1:
        return None
    plan, number = keys.pop()
    return PlanVersion.objects.filter(plan__name=plan, number=int(number.removeprefix("v"))).first()


def _part_of(lookup_key: str) -> str:
    return lookup_key.split(":")[3]


def _usage_of(invoice: Invoice, named: Mapping[str, str]) -> dict[str, Decimal]:
    """What our windows hold for the time of each line of usage."""
    version = _version_of(named)
    assert version is not None  # noqa: S101 - who asks has looked
    meters = {part.name: part.meter for part in version.terms.prices if hasattr(part, "meter")}
    usage: dict[str, Decimal] = {}
    for line in invoice.lines:
        meter = meters.get(_part_of(named[line["price"]])) if line["price"] in named else None
        if meter is None or invoice.reason == "subscription_create":
            continue
        windows = MeterWindow.objects.filter(
            subscription_id=invoice.subscription_id,
            meter=meter,
            hour__gte=_moment(line["period_start"]),
            hour__lt=_moment(line["period_end"]),
        )
        usage[meter] = Decimal(windows.aggregate(total=Sum("quantity"))["total"] or 0)
    return usage


def _period_of(invoice: Invoice, version: PlanVersion) -> Period:
    if invoice.reason != "subscription_create":
        return Period.LATER
    mirror = BillingSubscription.objects.filter(subscription_id=invoice.subscription_id).first()
    is_trial = version.terms.trial is not None and mirror is not None and mirror.trial_end is not None
    return Period.TRIAL if is_trial else Period.FIRST


def _terms_of(invoice: Invoice, version: PlanVersion) -> Terms:
    """What the invoice charges for: the last one has no next period to be paid in advance."""
    over = BillingSubscription.objects.filter(subscription_id=invoice.subscription_id, status="canceled")
    if not over.filter(cancel_at__lte=invoice.created_at + _AT_ONCE).exists():
        return version.terms
    return replace(version.terms, prices=tuple(part for part in version.terms.prices if not isinstance(part, Flat)))


def _text(minor: int, invoice: Invoice) -> str:
    return f"{money_text(from_minor(minor, invoice.currency), invoice.currency)} {invoice.currency}"


def _moment(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
