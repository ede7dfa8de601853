"""Revenue: what products earn by month, from the mirror of invoices and the plan versions that they charge for.

Currencies are never added up. Rehearsals are left out: their customers are nobody. Definitions stand with each figure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet, Sum

from apim.billing.models import Adjustment, BillingSubscription, CatalogueEntry, Invoice
from apim.billing.revenue_figures import ZERO, Debt, Month, Revenue, includes_some, month_starts, monthly
from apim.pricing.money import from_minor
from apim.pricing.parts import Flat, Part, Setup
from apim.products.models import PlanVersion, Product

_SHOWN: Final = ("draft", "open", "paid", "uncollectible")  # a draft says what is in force, and charges nothing yet
_OVER: Final = ("canceled", "incomplete_expired")
_KEY_PARTS: Final = 5


class _Line(NamedTuple):
    """A line of an invoice that is for a part of a plan version."""

    invoice: Mapping[str, Any]
    product: str
    version: PlanVersion
    part: Part
    amount: int
    start: int
    end: int


def read_revenue(*, mode: str, products: QuerySet[Product], now: datetime) -> list[Revenue]:
    """What the products earn, by currency. A fixed number of queries."""
    starts = month_starts(now)
    names = dict(products.values_list("id", "display_name"))
    invoices = _invoices(mode, names, since=starts[0].replace(year=starts[0].year - 1))
    mirrors = list(
        BillingSubscription.objects.filter(mode=mode, subscription__product__in=names)
        .exclude(stripe_id="")
        .exclude(subscription__organization__rehearsal__isnull=False)
        .select_related("subscription__organization", "subscription__product")
    )
    versions = _versions_by_price(mode, invoices)
    found = []
    for currency in sorted({invoice["currency"] for invoice in invoices}):
        own = [invoice for invoice in invoices if invoice["currency"] == currency]
        revenue = Revenue(currency, [Month(start) for start in starts])
        lines = list(_lines_of(own, versions, names))
        _add_recurring(revenue, lines, mirrors, now)
        _add_charged(revenue, own, lines)
        revenue.debts = _debts(own, mirrors)
        revenue.plans.sort(key=lambda each: (-each.mrr, each.product, each.plan))
        found.append(revenue)
    return found


def _invoices(mode: str, names: Mapping[str, str], *, since: datetime) -> list[dict[str, Any]]:
    rows = Invoice.objects.filter(
        mode=mode, subscription__product__in=names, status__in=_SHOWN, created_at__gte=since
    ).exclude(organization__rehearsal__isnull=False)
    given_back = Sum("adjustments__amount", filter=Q(adjustments__state=Adjustment.State.DONE), default=0)
    rows = rows.annotate(given_back=given_back)
    fields = ("currency", "status", "created_at", "lines", "amount_remaining", "given_back", "attempts")
    return list(
        rows.order_by("created_at").values(*fields, "subscription_id", "subscription__product_id", "organization_id")
    )


def _versions_by_price(mode: str, invoices: Sequence[Mapping[str, Any]]) -> dict[str, tuple[PlanVersion, Part]]:
    """The plan version and the part of it that each price on the invoices is of."""
    prices = {line["price"] for invoice in invoices for line in invoice["lines"] if line.get("price")}
    entries = CatalogueEntry.objects.filter(mode=mode, kind="price").values_list("stripe_id", "lookup_key")
    keys = {price: key.split(":") for price, key in entries if price in prices and key.count(":") == _KEY_PARTS - 1}
    plans = {parts[1] for parts in keys.values()}
    rows = PlanVersion.objects.filter(plan__name__in=plans).select_related("plan")
    versions = {(row.plan.name, f"v{row.number}"): row for row in rows}
    found = {}
    for price, parts in keys.items():
        version = versions.get((parts[1], parts[2]))
        part = next((each for each in version.terms.prices if each.name == parts[3]), None) if version else None
        if version is not None and part is not None:
            found[price] = (version, part)
    return found


def _lines_of(
    invoices: Iterable[Mapping[str, Any]],
    versions: Mapping[str, tuple[PlanVersion, Part]],
    names: Mapping[str, str],
) -> Iterable[_Line]:
    for invoice in invoices:
        product = names[invoice["subscription__product_id"]]
        for line in invoice["lines"]:
            if (found := versions.get(line.get("price") or "")) is not None:
                yield _Line(invoice, product, *found, line["amount"], line["period_start"], line["period_end"])


def _add_recurring(
    revenue: Revenue, lines: Sequence[_Line], mirrors: Iterable[BillingSubscription], now: datetime
) -> None:
    """MRR of each month, and how it came from the month before."""
    flat = [line for line in lines if isinstance(line.part, Flat) and line.amount > 0 and _is_owed(line)]
    ends = {each.subscription_id: each.cancel_at for each in mirrors if each.status in _OVER and each.cancel_at}
    first = revenue.months[0].start
    before = _in_force(flat, ends, first.timestamp())
    for number, month in enumerate(revenue.months):
        following = revenue.months[number + 1].start if number + 1 < len(revenue.months) else now
        present = _in_force(flat, ends, following.timestamp())
        _compare(month, _by_customer(before), _by_customer(present))
        before = present
    for line in before.values():
        row = revenue.plan(line.product, str(line.version.plan))
        row.subscribers += 1
        row.mrr += monthly(line.version.terms)


def _is_owed(line: _Line) -> bool:
    """False for what has been given up."""
    return bool(line.invoice["status"] != "uncollectible")


def _in_force(lines: Iterable[_Line], ends: Mapping[str, datetime], moment: float) -> dict[str, _Line]:
    """By subscription, the line that charges for the plan version in force just before the moment: the latest one."""
    found: dict[str, _Line] = {}
    for line in lines:
        subscription = line.invoice["subscription_id"]
        end = ends.get(subscription)
        if not line.start < moment <= line.end or (end is not None and end.timestamp() < moment):
            continue
        known = found.get(subscription)
        if known is None or known.start <= line.start:
            found[subscription] = line
    return found


def _by_customer(lines: Mapping[str, _Line]) -> dict[tuple[str, str], Decimal]:
    """MRR by organization and product: who ends a subscription and begins another one has not left."""
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in lines.values():
        customer = (line.invoice["organization_id"], line.invoice["subscription__product_id"])
        sums[customer] += monthly(line.version.terms)
    return sums


def _compare(month: Month, before: Mapping[tuple[str, str], Decimal], after: Mapping[tuple[str, str], Decimal]) -> None:
    for customer in before.keys() | after.keys():
        was, has = before.get(customer, ZERO), after.get(customer, ZERO)
        month.mrr += has
        if not was:
            month.new += has
        elif not has:
            month.churned += was
        else:
            month.expansion += max(ZERO, has - was)
            month.contraction += max(ZERO, was - has)


def _add_charged(revenue: Revenue, invoices: Iterable[Mapping[str, Any]], lines: Iterable[_Line]) -> None:
    """What invoices charged for usage and once, and what was given back of them."""
    months = {(month.start.year, month.start.month): month for month in revenue.months}
    for invoice in invoices:
        created = invoice["created_at"].astimezone(UTC)
        month = months.get((created.year, created.month))
        if month is not None and invoice["status"] != "draft":
            total = sum(line["amount"] for line in invoice["lines"])
            month.once += from_minor(total, revenue.currency)
            month.given_back += from_minor(invoice["given_back"], revenue.currency)
    for line in lines:
        created = line.invoice["created_at"].astimezone(UTC)
        month = months.get((created.year, created.month))
        if month is None or line.invoice["status"] == "draft" or isinstance(line.part, Setup):
            continue
        amount = from_minor(line.amount, revenue.currency)
        month.once -= amount
        if not hasattr(line.part, "meter"):
            continue
        beyond = amount if includes_some(line.version.terms, line.part) else ZERO
        month.usage += amount
        month.overage += beyond
        row = revenue.plan(line.product, str(line.version.plan))
        row.usage += amount
        row.overage += beyond


def _debts(invoices: Iterable[Mapping[str, Any]], mirrors: Iterable[BillingSubscription]) -> list[Debt]:
    """Who owes something that was asked for, the longest first."""
    due: defaultdict[str, int] = defaultdict(int)
    currency = ""
    for invoice in invoices:
        currency = invoice["currency"]
        if invoice["status"] == "open" and invoice["attempts"]:
            due[invoice["subscription_id"]] += invoice["amount_remaining"]
    found = [
        Debt(
            str(mirror.subscription.organization),
            str(mirror.subscription.product),
            mirror.subscription.payment,
            mirror.unpaid_since,
            from_minor(due[mirror.subscription_id], currency),
        )
        for mirror in mirrors
        if mirror.unpaid_since is not None and due.get(mirror.subscription_id)
    ]
    return sorted(found, key=lambda each: each.since)
