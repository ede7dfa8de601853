"""Reconciling: each invoice of Stripe beside what our own rating makes of the same usage, every difference named."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Sum
from django.utils import timezone

from apim.billing.changed_invoices import AT_ONCE, changed_on, rate_changed
from apim.billing.connection import Connection
from apim.billing.evidence import Evidence, meters_of, part_of, read_evidence, version_key
from apim.billing.models import BillingSubscription, Invoice, InvoiceQuerySet, MeterWindow
from apim.pricing.closing import between, closing, opening
from apim.pricing.money import from_minor, money_text, to_minor
from apim.pricing.parts import Metered
from apim.pricing.rating import Period, Rated, rate
from apim.pricing.settling import settled
from apim.pricing.terms import Terms
from apim.products.models import PlanVersion

_DAYS: Final = 40
_AT_ONCE: Final = timedelta(minutes=1)  # a last invoice is a moment older than the end that it is for
_BY_END: Final = "manual"  # of a last invoice that an end at once asks for
_BEFORE_NEXT: Final = timedelta(hours=12)  # no period is shorter than a day
_SETTLED: Final = ("open", "paid", "uncollectible")
_NOTE_AT_MOST: Final = 500
_BATCH: Final = 50
_RATED: Final = ("note", "local_lines", "local_subtotal", "difference")


def reconcile(connection: Connection) -> int:
    """How many invoices of the last weeks differ from our rating; what differs stands with each."""
    since = timezone.now() - timedelta(days=_DAYS)
    invoices = Invoice.objects.filter(mode=connection.mode, status__in=_SETTLED, created_at__gte=since)
    differing = 0
    ids = list(invoices.values_list("pk", flat=True))
    for start in range(0, len(ids), _BATCH):
        wanted = Invoice.objects.filter(pk__in=ids[start : start + _BATCH])
        batch = list(wanted.select_related("subscription__plan_version"))
        known = read_evidence(batch)
        rated = [_rate(invoice, known) for invoice in batch]
        Invoice.objects.bulk_update(rated, _RATED)
        differing += sum(bool(invoice.difference) for invoice in rated)
    return differing


def differing_invoices(mode: str) -> InvoiceQuerySet:
    """The invoices of a mode whose subtotal is not what we make of the same usage, with whom they are for."""
    differing = Invoice.objects.filter(mode=mode).exclude(difference=0).exclude(difference=None)
    return differing.select_related("organization")


def rate_invoice(invoice: Invoice) -> Invoice:
    """The invoice with what we make of it: lines, subtotal, the difference, and in words where it comes from."""
    _rate(invoice, read_evidence([invoice])).save(update_fields=_RATED)
    return invoice


def _rate(invoice: Invoice, known: Evidence) -> Invoice:
    """The invoice, not saved yet, with what we make of it."""
    if not invoice.lines:  # the first one of a plan that asks for nothing in advance
        return _fill(invoice, Rated(invoice.currency, (), Decimal(0)), "", 0)
    named = known.named_lines(invoice)
    rated = _rating_of(invoice, known)
    if rated is None:
        return _fill(invoice, None, "No line of it is of a plan of ours.", 0)
    strange = 0
    theirs: defaultdict[str, int] = defaultdict(int)
    for line in invoice.lines:
        if line["price"] in named:
            theirs[part_of(named[line["price"]])] += line["amount"]
        elif part := line.get("part"):  # a line that we put on its draft
            theirs[part] += line["amount"]
        else:
            strange += line["amount"]
    ours: defaultdict[str, int] = defaultdict(int)
    for rated_line in rated.lines:
        ours[rated_line.name] += to_minor(rated_line.amount, rated.currency)
    notes = [
        f"{name}: Stripe has {_text(theirs[name], invoice)}, we have {_text(ours[name], invoice)}."
        for name in sorted({*theirs, *ours})
        if theirs[name] != ours[name]
    ]
    if strange:
        notes.append(f"Lines that are no part of the plan come to {_text(strange, invoice)}.")
    return _fill(invoice, rated, "\n".join(notes), strange)


def charged(invoice: Invoice) -> tuple[Terms | None, Rated | None]:
    """What of a plan's terms the invoice charges, and what our rating makes of it; None for one of no plan of ours."""
    known = read_evidence([invoice])
    return _charged_terms(invoice, known), _rating_of(invoice, known)


def _rating_of(invoice: Invoice, known: Evidence) -> Rated | None:
    """What our rating makes of the invoice's time; None for one that is of no plan of ours."""
    changed = changed_on(invoice, known)
    if changed is not None and invoice.reason == AT_ONCE:
        return rate_changed(invoice, changed, known)
    terms, version = _charged_terms(invoice, known), _version(invoice, known)
    if terms is None or version is None:
        return None
    return settled(rate(terms, _usage_of(invoice, version, known), period=_period_of(invoice, version, known)))


def _charged_terms(invoice: Invoice, known: Evidence) -> Terms | None:
    """What of the plan's terms the invoice charges; None for one that is of no plan of ours.

    The first one closes no period, nor does the one at the end of a trial; the last one begins none. Where another
    plan begins, it closes the one and begins the other; a change at once is rated for itself.
    """
    version = _version(invoice, known)
    if version is None or invoice.subscription_id is None:
        return None
    changed = changed_on(invoice, known)
    if changed is not None:
        if invoice.reason == AT_ONCE or changed.chosen is None:
            return None
        return between(changed.left.terms, changed.chosen.terms)
    if (chosen := _followed_by(invoice, version, known)) is not None:
        return between(version.terms, chosen.terms)
    mirror = known.mirrors.get(invoice.subscription_id)
    if mirror is None:
        return version.terms
    if _is_last(invoice, mirror):
        return closing(version.terms)
    is_of_trial = mirror.trial_end is not None and invoice.created_at < mirror.trial_end + _BEFORE_NEXT
    if is_of_trial or invoice.reason != "subscription_cycle":
        return opening(version.terms)
    return version.terms


def _is_last(invoice: Invoice, mirror: BillingSubscription) -> bool:
    """True when it closes the last period. One that began a period did so, though that was cancelled a moment later."""
    if mirror.status != "canceled" or mirror.cancel_at is None or invoice.reason == "subscription_create":
        return False
    spell = _BEFORE_NEXT if invoice.reason == "subscription_cycle" else _AT_ONCE
    has_begun = mirror.period_start is not None and mirror.period_start > invoice.created_at - spell
    return mirror.cancel_at <= invoice.created_at + _AT_ONCE and not (has_begun and invoice.reason != _BY_END)


def usage_between(subscription_id: str, terms: Terms, since: datetime, until: datetime | None) -> dict[str, Decimal]:
    """What our windows hold for each meter that the terms have a price for."""
    windows = MeterWindow.objects.filter(subscription_id=subscription_id, hour__gte=since)
    if until is not None:
        windows = windows.filter(hour__lt=until)
    found = dict(windows.values_list("meter").annotate(total=Sum("quantity")).values_list("meter", "total"))
    return {part.meter: Decimal(found.get(part.meter, 0)) for part in terms.prices if isinstance(part, Metered)}


def _fill(invoice: Invoice, rated: Rated | None, note: str, strange: int) -> Invoice:
    invoice.note = note[:_NOTE_AT_MOST]
    invoice.local_lines = rated.as_mapping()["lines"] if rated else []
    invoice.local_subtotal = to_minor(rated.total, rated.currency) if rated else None
    invoice.difference = (
        invoice.subtotal - strange - invoice.local_subtotal if invoice.local_subtotal is not None else None
    )
    return invoice


def _version(invoice: Invoice, known: Evidence) -> PlanVersion | None:
    """The plan version that the invoice charges; that of its subscription where it has lines of ours alone."""
    changed = changed_on(invoice, known)
    found = changed.left if changed is not None else _version_of(invoice, known)
    if found is None and invoice.subscription is not None and any(line.get("part") for line in invoice.lines):
        return invoice.subscription.plan_version
    return found


def _version_of(invoice: Invoice, known: Evidence) -> PlanVersion | None:
    """The one plan version that the prices are of."""
    keys = set(filter(None, map(version_key, known.named_lines(invoice).values())))
    return known.versions.get(keys.pop()) if len(keys) == 1 else None


def _followed_by(invoice: Invoice, version: PlanVersion, known: Evidence) -> PlanVersion | None:
    """The other version that begins where the invoice ends, and asks for nothing in advance: no line names it."""
    if invoice.reason != "subscription_cycle" or invoice.subscription_id is None:
        return None
    granted = known.granted.get(invoice.subscription_id, ())
    found = [each.plan_version for each in granted if each.since == invoice.period_end]
    return next((each for each in reversed(found) if each.pk != version.pk), None)


def _usage_of(invoice: Invoice, version: PlanVersion, known: Evidence) -> dict[str, Decimal]:
    """What our windows hold for the time of each line of usage."""
    named, meters = known.named_lines(invoice), meters_of(version)
    usage: dict[str, Decimal] = {}
    for line in invoice.lines:
        meter = meters.get(part_of(named[line["price"]])) if line["price"] in named else None
        if meter is not None and invoice.reason != "subscription_create":
            usage[meter] = known.used_on(invoice, line, meter)
    return usage


def _period_of(invoice: Invoice, version: PlanVersion, known: Evidence) -> Period:
    if invoice.reason != "subscription_create":
        return Period.LATER
    mirror = known.mirrors.get(str(invoice.subscription_id))
    is_trial = version.terms.trial is not None and mirror is not None and mirror.trial_end is not None
    return Period.TRIAL if is_trial else Period.FIRST


def _text(minor: int, invoice: Invoice) -> str:
    return f"{money_text(from_minor(minor, invoice.currency), invoice.currency)} {invoice.currency}"
