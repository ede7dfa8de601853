"""What gateways are told of credits: none left, or how many calls they pay for.

Told is an absolute number: the calls that were drawn for already, since a moment, and those that the balance still pays
for. The gateway counts what it admits, so whatever is on its way meanwhile is in its count and not in ours: it never
admits a call too many. Where its count is ahead for good (a call that was refused after it was counted), the moment is
moved on once nothing is under way.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django.utils import timezone

from apim.access.models import Subscription
from apim.access.services import Standing, settle_subscription
from apim.access.services.allowances import allow_calls
from apim.audit.actor import Actor, system_actor
from apim.billing.credits.counting import admitted_since, calls_between, calm_moment, usage_between
from apim.billing.credits.terms import period_at
from apim.billing.models import CreditAccount
from apim.gateways.models import Gateway
from apim.pricing.credits import affordable_calls
from apim.products.models import Meter

BILLING: Final = system_actor("billing")
QUIET: Final = timedelta(minutes=5)
_LIVE: Final = timedelta(days=1)
_REPORTING: Final = timedelta(minutes=1)
_HESITATION: Final = 10  # a higher number is told once it is more by a tenth of what is left


def tell_gateways(subscription: Subscription, account: CreditAccount, *, by: Actor = BILLING) -> None:
    """Have gateways refuse what credits do not pay for, and admit what they do. Last in its transaction."""
    if not subscription.is_live or account.started_at is None:
        return
    if subscription.plan_version.terms.prepaid is None:
        settle_subscription(subscription=subscription, standing=Standing(is_out_of_credits=False), by=by)
        allow_calls(subscription=subscription, calls=None, since=None)
        return
    calls = affordable_of(subscription, account)
    is_out = account.balance <= 0 if calls is None else calls == 0
    if is_out != subscription.is_out_of_credits:
        standing = Standing(is_out_of_credits=is_out)
        subscription = settle_subscription(subscription=subscription, standing=standing, by=by)
    if calls is None or not _has_one_gateway(subscription):
        allow_calls(subscription=subscription, calls=None, since=None)
        return
    since = _count_from(subscription, account)
    allowed = admitted_since(subscription, since) + calls
    if since == subscription.allowance_since and not _is_worth_telling(subscription.allowance, allowed, calls):
        return
    allow_calls(subscription=subscription, calls=allowed, since=since)


def affordable_of(subscription: Subscription, account: CreditAccount) -> int | None:
    """How many more calls the balance pays for; None where a call may cost any amount, as by its bytes."""
    terms = subscription.plan_version.terms
    priced = {part.meter for part in terms.prices if hasattr(part, "meter")}
    meters = list(Meter.objects.filter(name__in=priced))
    if any(meter.source != "requests" for meter in meters):
        return None
    heaviest = {meter.name: max([1, *meter.terms.weights.values()]) for meter in meters}
    start, end = period_at(subscription, timezone.now())
    usage = {name: quantity for name, quantity in usage_between(subscription, start, end).items() if name in priced}
    return affordable_calls(terms, usage or {name: Decimal(0) for name in priced}, account.balance, heaviest)


def _is_worth_telling(told: int | None, allowed: int, calls: int) -> bool:
    """A lower number at once; a higher one when it matters, for each is a change of access records."""
    if told is None or allowed < told:
        return True
    return (allowed - told) * _HESITATION >= max(calls - (allowed - told), 1)


def _count_from(subscription: Subscription, account: CreditAccount) -> datetime:
    """The moment that calls are counted since; a later one once nothing that was counted can be under way."""
    now = timezone.now()
    since = subscription.allowance_since
    if since is None:
        return calm_moment(subscription, account.started_at or now)
    is_used = account.drawn_at is not None and account.drawn_at > since
    if (
        is_used
        and now - since > QUIET
        and not calls_between(subscription, now - QUIET, now)
        and _all_told(subscription)
    ):
        return calm_moment(subscription, now)
    return since


def _has_one_gateway(subscription: Subscription) -> bool:
    """Each gateway counts for itself: an absolute number holds where there is one."""
    lately = timezone.now() - _LIVE
    return Gateway.objects.filter(environment=subscription.environment_id, seen_at__gte=lately).count() <= 1


def _all_told(subscription: Subscription) -> bool:
    """True when the gateway reports now, so that what it has counted has come here."""
    lately = timezone.now() - _REPORTING
    return Gateway.objects.filter(environment=subscription.environment_id, seen_at__gte=lately).exists()
