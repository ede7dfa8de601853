"""Comparing: the usage of one invoice as we counted it, as Stripe's meter sums it, and as the invoice charges it.

Every difference between two of the three is named. Source: docs.stripe.com/api/billing/meter-event-summary (whole
minutes; sums lag behind events by a moment).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from django.db.models import QuerySet, Sum

from apim.billing.catalogue import meter_of
from apim.billing.connection import Connection
from apim.billing.customers import find_customer
from apim.billing.models import CatalogueEntry, Invoice, MeterWindow, OutgoingUsage
from apim.pricing.parts import Package
from apim.products.models import PlanVersion

_MINUTE_S: Final = 60
_KEY_PARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Usage:
    """One meter of an invoice.

    Shapes: counted = our windows, at_stripe = the sum of Stripe's meter, None where it cannot be asked, charged = the
    quantity on the invoice; differences are sentences.
    """

    meter: str
    since: datetime
    until: datetime
    counted: int
    at_stripe: int | None
    charged: Decimal
    differences: tuple[str, ...]


def compare_usage(connection: Connection, invoice: Invoice) -> list[Usage]:
    """Each meter that the invoice charges for. Errors: DriverFailed."""
    found = []
    for meter, (lines, is_packaged) in sorted(_lines_by_meter(invoice).items()):
        start = min(line["period_start"] for line in lines)
        end = max(line["period_end"] for line in lines)
        since, until = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
        windows = MeterWindow.objects.filter(
            subscription_id=invoice.subscription_id, meter=meter, hour__gte=since, hour__lt=until
        )
        counted = int(windows.aggregate(total=Sum("quantity"))["total"] or 0)
        charged = sum((Decimal(str(line["quantity"] or 0)) for line in lines), Decimal(0))
        at_stripe = _sum_at_stripe(connection, invoice, meter, start, end)
        named = (
            *_told(windows, counted, at_stripe),
            *_charged(counted if at_stripe is None else at_stripe, charged, is_packaged=is_packaged),
        )
        found.append(Usage(meter, since, until, counted, at_stripe, charged, named))
    return found


def _lines_by_meter(invoice: Invoice) -> dict[str, tuple[list[dict[str, int]], bool]]:
    """The invoice's lines for usage, by meter, and whether the price counts packages."""
    prices = {line["price"] for line in invoice.lines if line.get("price")}
    entries = CatalogueEntry.objects.filter(mode=invoice.mode, kind="price", stripe_id__in=prices)
    keys = {price: key.split(":") for price, key in entries.values_list("stripe_id", "lookup_key")}
    plans = {parts[1] for parts in keys.values() if len(parts) == _KEY_PARTS}
    rows = PlanVersion.objects.filter(plan__name__in=plans).select_related("plan")
    versions = {(row.plan.name, f"v{row.number}"): row for row in rows}
    found: dict[str, tuple[list[dict[str, int]], bool]] = {}
    for line in invoice.lines:
        parts = keys.get(line.get("price") or "", [])
        version = versions.get((parts[1], parts[2])) if len(parts) == _KEY_PARTS else None
        part = next((each for each in version.terms.prices if each.name == parts[3]), None) if version else None
        meter = getattr(part, "meter", "")
        if meter:
            lines, _ = found.setdefault(meter, ([], isinstance(part, Package)))
            lines.append(line)
    return found


def _sum_at_stripe(connection: Connection, invoice: Invoice, meter: str, start: int, end: int) -> int | None:  # noqa: PLR0917 - five facts
    customer = find_customer(connection, invoice.organization_id)
    if customer is None or invoice.subscription is None:
        return None
    params = {
        "customer": customer.stripe_id,
        "start_time": start // _MINUTE_S * _MINUTE_S,
        "end_time": -(-end // _MINUTE_S) * _MINUTE_S,
    }
    meter_id = meter_of(connection, invoice.subscription.product, meter)
    sums = connection.driver.list("billing.meter.event_summary", params, of=meter_id)
    return int(sum(Decimal(str(each["aggregated_value"])) for each in sums))


def _told(windows: QuerySet[MeterWindow], counted: int, at_stripe: int | None) -> list[str]:
    """What lies between our count and Stripe's sum."""
    if at_stripe is None:
        return ["Its customer is none of the connected account, so its meter cannot be asked."]
    if counted == at_stripe:
        return []
    parts = OutgoingUsage.objects.filter(window__in=windows)
    waiting = parts.filter(state=OutgoingUsage.State.DUE).aggregate(total=Sum("quantity"))["total"] or 0
    aside = parts.filter(state=OutgoingUsage.State.DEAD).aggregate(total=Sum("quantity"))["total"] or 0
    found = []
    if waiting:
        found.append(f"{waiting:,} are not told to Stripe yet.")
    if aside:
        found.append(f"{aside:,} were put aside: Stripe refused them, or may have them already.")
    rest = counted - at_stripe - waiting - aside
    if rest > 0:
        found.append(f"{rest:,} were told to Stripe and are not in its sum, which lags by a moment.")
    elif rest < 0:
        found.append(f"Stripe has {-rest:,} more than we counted: sent by hand, or by another installation.")
    return found


def _charged(known: int, charged: Decimal, *, is_packaged: bool) -> list[str]:
    """What lies between Stripe's sum, or our count where there is none, and the invoice."""
    if is_packaged or charged == known:
        return []
    if charged < known:
        missing = f"{known - charged:,f}"
        return [f"{missing} are not on the invoice, which was final before: charge them by hand, or let them go."]
    return [f"The invoice charges {charged - known:,f} more than was counted: look at the invoice at Stripe."]
