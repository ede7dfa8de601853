"""Evidence: all that a batch of invoices is rated from, read by the same number of queries for any number of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db.models import QuerySet, Sum, Value

from apim.billing.models import BillingSubscription, CatalogueEntry, GrantedVersion, Invoice, MeterWindow
from apim.pricing.parts import Metered
from apim.products.models import PlanVersion

_KEY_PARTS: Final = 5
_AT_MOST: Final = 100  # spans in one query; SQLite takes no more than 500


class VersionKey(NamedTuple):
    """How a lookup key names a plan version."""

    plan: str
    number: int


class Span(NamedTuple):
    """What a line of usage is for. Shapes: start and end in Unix time."""

    subscription_id: str
    meter: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a batch of invoices.

    Shapes: prices = lookup keys by (mode, price); granted oldest first; beside = (reason, lines) of all invoices of a
    subscription; mirrors, granted and beside by subscription; used = what our windows hold.
    """

    prices: Mapping[tuple[str, str], str]
    versions: Mapping[VersionKey, PlanVersion]
    mirrors: Mapping[str, BillingSubscription]
    granted: Mapping[str, Sequence[GrantedVersion]]
    beside: Mapping[str, Sequence[tuple[str, list[dict[str, Any]]]]]
    used: Mapping[Span, Decimal]

    def named_lines(self, invoice: Invoice) -> dict[str, str]:
        """The lookup keys of the prices on the invoice that are ours, by price."""
        keys = {line["price"]: self.prices.get((invoice.mode, line["price"])) for line in invoice.lines}
        return {price: key for price, key in keys.items() if key is not None}

    def versions_of(self, lookup_keys: Iterable[str]) -> dict[VersionKey, PlanVersion]:
        """The plan versions that the prices are of, as far as they are known."""
        wanted = dict.fromkeys(filter(None, map(version_key, lookup_keys)))
        return {key: self.versions[key] for key in wanted if key in self.versions}

    def used_on(self, invoice: Invoice, line: Mapping[str, Any], meter: str) -> Decimal:
        """What our windows hold of the meter for the time of the line."""
        return self.used.get(_span(invoice, line, meter), Decimal(0))


def read_evidence(invoices: Sequence[Invoice]) -> Evidence:
    """What the invoices are rated from. The same number of queries, but for another one for each hundred lines."""
    prices = _read_prices(invoices)
    versions = _read_versions(prices.values())
    ids = {invoice.subscription_id for invoice in invoices if invoice.subscription_id}
    mirrors = {each.subscription_id: each for each in BillingSubscription.objects.filter(subscription__in=ids)}
    granted: defaultdict[str, list[GrantedVersion]] = defaultdict(list)
    for each in GrantedVersion.objects.filter(subscription__in=ids).select_related("plan_version").order_by("pk"):
        granted[each.subscription_id].append(each)
    beside: defaultdict[str, list[tuple[str, list[dict[str, Any]]]]] = defaultdict(list)
    others = Invoice.objects.filter(subscription__in=ids).order_by("pk")
    for subscription_id, reason, lines in others.values_list("subscription_id", "reason", "lines"):
        beside[str(subscription_id)].append((reason, lines))
    known = Evidence(prices, versions, mirrors, granted, beside, {})
    return Evidence(prices, versions, mirrors, granted, beside, _read_used(known, invoices))


def version_key(lookup_key: str) -> VersionKey | None:
    """The plan version of a price; None for what is no price of a plan of ours."""
    parts = lookup_key.split(":")
    return VersionKey(parts[1], int(parts[2].removeprefix("v"))) if len(parts) == _KEY_PARTS else None


def part_of(lookup_key: str) -> str:
    """The part of the plan that a price is of."""
    return lookup_key.split(":")[3]


def meters_of(version: PlanVersion) -> dict[str, str]:
    """The meter of each metered part of a version."""
    return {part.name: part.meter for part in version.terms.prices if isinstance(part, Metered)}


def moment_of_line(seconds: int) -> datetime:
    """The moment at which a line begins or ends."""
    return datetime.fromtimestamp(int(seconds), UTC)


def _read_prices(invoices: Iterable[Invoice]) -> dict[tuple[str, str], str]:
    prices = {line["price"] for invoice in invoices for line in invoice.lines if line["price"]}
    entries = CatalogueEntry.objects.filter(kind="price", stripe_id__in=prices)
    return {(mode, price): key for mode, price, key in entries.values_list("mode", "stripe_id", "lookup_key")}


def _read_versions(lookup_keys: Iterable[str]) -> dict[VersionKey, PlanVersion]:
    wanted = set(filter(None, map(version_key, lookup_keys)))
    versions = PlanVersion.objects.select_related("plan").filter(
        plan__name__in={key.plan for key in wanted}, number__in={key.number for key in wanted}
    )
    return {VersionKey(each.plan.name, each.number): each for each in versions}


def _read_used(known: Evidence, invoices: Iterable[Invoice]) -> dict[Span, Decimal]:
    wanted = dict.fromkeys(span for invoice in invoices for span in _spans(known, invoice))
    spans, used = list(wanted), dict[Span, Decimal]()
    for start in range(0, len(spans), _AT_MOST):
        some = spans[start : start + _AT_MOST]
        queries = [_sum_of(number, span) for number, span in enumerate(some)]
        for number, total in queries[0].union(*queries[1:], all=True) if len(queries) > 1 else queries[0]:
            used[some[number]] = Decimal(total or 0)
    return used


def _spans(known: Evidence, invoice: Invoice) -> Iterable[Span]:
    """What may be asked for: each line of a price of ours, by the meters that its part has in the versions charged."""
    named = known.named_lines(invoice)
    meters = [meters_of(version) for version in known.versions_of(named.values()).values()]
    for line in invoice.lines:
        if invoice.subscription_id and line["price"] in named:
            part = part_of(named[line["price"]])
            yield from (_span(invoice, line, each[part]) for each in meters if part in each)


def _span(invoice: Invoice, line: Mapping[str, Any], meter: str) -> Span:
    return Span(str(invoice.subscription_id), meter, int(line["period_start"]), int(line["period_end"]))


def _sum_of(number: int, span: Span) -> QuerySet[MeterWindow, tuple[int, int | None]]:
    """(number, sum); none for nothing."""
    windows = MeterWindow.objects.filter(
        subscription_id=span.subscription_id,
        meter=span.meter,
        hour__gte=moment_of_line(span.start),
        hour__lt=moment_of_line(span.end),
    )
    numbered = windows.order_by().annotate(number=Value(number)).values("number")
    return numbered.annotate(total=Sum("quantity")).values_list("number", "total")
