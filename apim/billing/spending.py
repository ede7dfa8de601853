"""Spending: what the present period has cost, what it comes to, and what follows when the most of it is spent.

Measured by the meters, from the same windows that Stripe is told. So a cap holds as soon as gateways' records have come
here and we have looked, some seconds late: calls of these seconds pass and cost what they cost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.access.services import Spent, Standing, settle_subscription
from apim.audit.actor import Actor, system_actor
from apim.audit.services import record, state_of
from apim.billing.charged_usage import charged_since
from apim.billing.giving import whole_amount
from apim.billing.models import BillingSubscription, MeterWindow, SpendingControl
from apim.billing.usage_mails import tell_usage_of
from apim.billing.windows import changed_windows, hour_of
from apim.errors import Conflict, Invalid
from apim.pricing.clauses import MaximumSpend
from apim.pricing.closing import closing
from apim.pricing.forecast import Forecast, forecast, forecast_of_trial, spent
from apim.pricing.money import from_minor, money_text
from apim.pricing.parts import Metered
from apim.pricing.terms import Terms
from apim.usage.models import UsageRollup

SPENDING: Final = system_actor("spending")
_FRESH: Final = timedelta(hours=2)
_BATCH: Final = 500


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


def watch_spending(*, only: str = "") -> int:
    """How many subscriptions were looked at: those that were used lately, and those that something is refused to.

    Doing it twice changes nothing; a mail comes once for each threshold and period.
    """
    rows = BillingSubscription.objects.filter(with_spending())
    if only:
        rows = rows.filter(pk=only)
    else:
        used = UsageRollup.objects.filter(period="hour", at__gte=hour_of(timezone.now() - _FRESH))
        held = Q(subscription__capped_until__isnull=False) | Q(subscription__is_throttled=True)
        rows = rows.filter(Q(pk__in=used.values("subscription_id")) | held)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), _BATCH):
        batch = BillingSubscription.objects.filter(pk__in=ids[start : start + _BATCH])
        found = spendings(batch.select_related(*RELATED))
        for spending in found:
            _hold(spending)
        tell_usage_of(found)
    return len(ids)


RELATED: Final = (
    "subscription__plan_version__plan",
    "subscription__product",
    "subscription__spending",
    "subscription__organization",
)


def set_cap(*, subscription: Subscription, amount: str, by: Actor) -> SpendingControl:
    """The wishes of who pays, with this cap in the plan's currency; "" takes it away. In force at once.

    Errors: billing.amount_wrong, billing.cap_too_low, billing.cap_useless.
    """
    terms = subscription.plan_version.terms
    if not any(isinstance(part, Metered) for part in terms.prices) or terms.prepaid is not None:
        raise Conflict(
            "billing.cap_useless", gettext("The plan charges for no usage: it cannot cost more than it says.")
        )
    cap = whole_amount(amount, terms.currency, "cap") if amount.strip() else None
    due = max(terms.recurring, terms.minimum_spend)
    if cap is not None and from_minor(cap, terms.currency) <= due:
        words = f"{money_text(due, terms.currency)} {terms.currency}"
        message = gettext("Each period costs %(words)s anyway.") % {"words": words}
        raise Invalid("billing.cap_too_low", message, hint=gettext("Choose a higher cap."), field="cap")
    control = _change(subscription, by, "billing.set_cap", cap=cap)
    watch_spending(only=subscription.pk)
    return control


def set_usage_mails(*, subscription: Subscription, wants_mails: bool, by: Actor) -> SpendingControl:
    """The wishes of who pays, with mails of usage or without."""
    return _change(subscription, by, "billing.set_usage_mails", wants_mails=wants_mails)


@transaction.atomic
def _change(subscription: Subscription, by: Actor, action: str, **changes: object) -> SpendingControl:
    control, _ = SpendingControl.objects.select_for_update(of=("self",)).get_or_create(subscription=subscription)
    before = state_of(control)
    for name, value in changes.items():
        setattr(control, name, value)
    control.save()
    after = state_of(control)
    before.pop("changed_at"), after.pop("changed_at")
    record(
        by=by,
        action=action,
        target=control,
        before=before,
        after=after,
        organization_id=subscription.organization_id,
    )
    return control


def _hold(spending: Spending) -> None:
    """Refuse or slow down calls while the most is spent, and no longer."""
    mirror, cap, subscription = spending.mirror, spending.cap, spending.mirror.subscription
    is_over = mirror.period_end is None or mirror.period_end <= timezone.now()
    is_reached = cap is not None and spending.spent >= cap.amount and not spending.is_trial and not is_over
    then = cap.then if cap is not None and is_reached else "allow"
    wanted = Spent(mirror.period_end if then == "block" else None, is_throttled=then == "throttle")
    if wanted == Spent(subscription.capped_until, is_throttled=subscription.is_throttled):
        return
    settle_subscription(subscription=subscription, standing=Standing(spent=wanted), by=SPENDING)


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
