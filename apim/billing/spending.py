"""Spending: what the present period has cost, what it comes to, and what is the most that it may cost.

Measured by the meters, from the same windows that Stripe is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Q
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.charged_usage import charged_since
from apim.billing.models import BillingSubscription, MeterWindow, SpendingControl
from apim.billing.windows import changed_windows, hour_of
from apim.pricing.clauses import MaximumSpend
from apim.pricing.closing import closing
from apim.pricing.forecast import Forecast, forecast, forecast_of_trial, spent
from apim.pricing.money import from_minor
from apim.pricing.parts import Metered
from apim.pricing.terms import Terms

_FRESH: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Spending:
    """A billed subscription in its present period.

    Shapes: since = when the plan in force began to charge usage; usage by meter; cap = what holds, None for none.
    """

    mirror: BillingSubscription
    since: datetime
    terms: Terms
    usage: Mapping[str, Decimal]
    spent: Decimal
    cap: MaximumSpend | None
    control: SpendingControl | None

    @property
    def is_trial(self) -> bool:
        """True while nothing is charged."""
        return self.mirror.status == "trialing"

    def forecast(self, now: datetime) -> Forecast | None:
        """The next invoice; None while its period is not known."""
        if self.is_trial:
            return forecast_of_trial(self.terms)
        if self.mirror.period_end is None:
            return None
        terms = closing(self.terms) if self.mirror.subscription.lifecycle == "canceled" else self.terms
        return forecast(terms, self.usage, since=self.since, until=self.mirror.period_end, now=now)


def spendings(mirrors: Iterable[BillingSubscription]) -> list[Spending]:
    """Where each subscription stands in its period; those that Stripe does not bill by periods are left out.

    Shapes: mirrors come with subscription, plan_version and spending. A fixed number of queries.
    """
    billed = [
        each
        for each in mirrors
        if each.stripe_id and each.subscription.plan_version.terms.prepaid is None and each.period_start is not None
    ]
    since = charged_since({each.pk: each.period_start for each in billed if each.period_start is not None})
    usage = _usage_of(since)
    found = []
    for mirror in billed:
        terms = mirror.subscription.plan_version.terms
        counted = {part.meter: Decimal(0) for part in terms.prices if isinstance(part, Metered)}
        counted |= {meter: quantity for meter, quantity in usage[mirror.pk].items() if meter in counted}
        control = getattr(mirror.subscription, "spending", None)
        found.append(
            Spending(mirror, since[mirror.pk], terms, counted, spent(terms, counted), _cap_of(terms, control), control)
        )
    return found


def with_spending() -> Q:
    """Those billed subscriptions whose spending is looked after: live ones."""
    return Q(subscription__lifecycle__in=Subscription.LIVE) & ~Q(stripe_id="")


RELATED: Final = (
    "subscription__plan_version__plan",
    "subscription__product",
    "subscription__spending",
    "subscription__organization",
)


def _cap_of(terms: Terms, control: SpendingControl | None) -> MaximumSpend | None:
    """The tightest bound: what the customer chose blocks; what the plan says does what it says."""
    own = MaximumSpend(from_minor(control.cap, terms.currency)) if control and control.cap is not None else None
    bounds = [bound for bound in (own, terms.maximum_spend) if bound is not None]
    return min(bounds, key=lambda bound: bound.amount, default=None)


def _usage_of(since: Mapping[str, datetime]) -> dict[str, dict[str, Decimal]]:
    """What meters counted from then on, by subscription: what was noted, and what came after that."""
    counted: defaultdict[str, dict[tuple[str, datetime], int]] = defaultdict(dict)
    if since:
        windows = MeterWindow.objects.filter(subscription__in=since, hour__gte=min(since.values()))
        for row in windows.values_list("subscription_id", "meter", "hour", "quantity"):
            counted[row[0]][row[1], row[2]] = row[3]
        for fresh in changed_windows(list(since), hour_of(timezone.now() - _FRESH)):
            counted[fresh.subscription_id][fresh.meter.name, fresh.at] = fresh.quantity
    found: dict[str, dict[str, Decimal]] = {key: defaultdict(Decimal) for key in since}
    for key, parts in counted.items():
        for (meter, at), quantity in parts.items():
            if at >= since[key]:
                found[key][meter] += quantity
    return found
