"""What a change of plan charges at once: Stripe's preview of the invoice, and beside it what our own rating has."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Sum

from apim.access.models import Subscription
from apim.billing.charged_usage import charged_since
from apim.billing.connection import Connection
from apim.billing.driver import Object
from apim.billing.folding import moment_of, period_of
from apim.billing.models import MeterWindow
from apim.pricing.changes import Begun, kept_back, rate_change
from apim.pricing.money import to_minor
from apim.pricing.rating import Rated
from apim.pricing.settling import settled
from apim.pricing.terms import Terms


class ChargeLine(NamedTuple):
    """A line of the invoice. Shapes: amount in minor units."""

    name: str
    amount: int


@dataclass(frozen=True, slots=True)
class Charge:
    """The invoice that a change would make. Shapes: amounts in minor units; difference = Stripe's total minus ours."""

    currency: str
    lines: tuple[ChargeLine, ...]
    total: int
    due: int
    ours: Rated
    at: datetime

    @property
    def difference(self) -> int:
        """How much more Stripe makes of it than we do."""
        return self.total - to_minor(self.ours.total, self.currency)


def preview_charge(
    connection: Connection, subscription: Subscription, new: Terms, *, found: Object, params: dict[str, Any]
) -> Charge:
    """What the update of the Stripe subscription with these params would charge now. Errors: DriverFailed."""
    at = moment_of(params["proration_date"])
    details = {name: params[name] for name in ("items", "proration_behavior", "proration_date")}
    asked: dict[str, Any] = {"subscription": found["id"], "subscription_details": details}
    for each in params.get("add_invoice_items", []):
        price = each["price_data"]
        item = {"amount": price["unit_amount"], "currency": price["currency"], "description": "Used quota"}
        asked.setdefault("invoice_items", []).append(item)
    invoice = connection.driver.act("invoice", "", "create_preview", asked)
    used = usage_since(subscription, found, at)
    ours = settled(rate_change(subscription.plan_version.terms, new, used, begun=begun_period(found, at)))
    currency = str(invoice["currency"]).upper()
    return Charge(currency, _lines_of(invoice), invoice["subtotal"], invoice["amount_due"], ours, at)


def _lines_of(invoice: Object) -> tuple[ChargeLine, ...]:
    """The lines that a preview brings, ten at most, and what the others make together: it has no page to read."""
    lines = [ChargeLine(line.get("description") or "", line["amount"]) for line in invoice["lines"]["data"]]
    if invoice["lines"]["has_more"]:
        lines.append(ChargeLine("More usage", invoice["subtotal"] - sum(line.amount for line in lines)))
    return tuple(lines)


def extra_charge(subscription: Subscription, found: Object, at: datetime) -> int:
    """What is taken of the credit that Stripe gives by time, where the plan gives back less; in minor units."""
    terms = subscription.plan_version.terms
    kept = kept_back(terms, usage_since(subscription, found, at), begun=begun_period(found, at))
    return to_minor(kept, terms.currency)


def usage_since(subscription: Subscription, found: Object, at: datetime) -> dict[str, Decimal]:
    """What the meters of the plan in force counted in the period so far, as it was told to Stripe."""
    since = charged_since({subscription.id: begun_period(found, at).start})[subscription.id]
    meters = {part.meter for part in subscription.plan_version.terms.prices if hasattr(part, "meter")}
    windows = MeterWindow.objects.filter(subscription=subscription, meter__in=meters, hour__gte=since, hour__lt=at)
    sums = windows.values_list("meter").annotate(total=Sum("quantity"))
    return {meter: Decimal(total) for meter, total in sums}


def begun_period(found: Object, at: datetime) -> Begun:
    """The period that runs at Stripe, and the moment in it."""
    start, end = period_of(found)
    return Begun(start or at, end or at, at)
