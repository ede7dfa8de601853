"""What the terms of a prepaid plan mean for its subscriptions: top-ups on offer, periods, what cannot be sold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext

from apim.access.models import Subscription
from apim.pricing.money import minor_digits, to_minor
from apim.pricing.parts import Flat, Prepaid, Setup, Volume
from apim.pricing.terms import Terms
from apim.products.models import PlanVersion
from gateway_sync.runtime.core.windows import billing_window

_THREE_DIGITS: Final = 3  # of such currencies Stripe takes whole tens of the minor unit


def obstacle_to_credits(terms: Terms) -> str:
    """Why a prepaid plan cannot be sold as it is; "" when it can, and for plans of another kind."""
    if terms.prepaid is None:
        return ""
    if any(isinstance(part, Flat | Setup) for part in terms.prices):
        return gettext("Credits pay for usage alone: this plan wants a fixed amount beside them.")
    if any(isinstance(part, Volume) for part in terms.prices):
        return gettext("With volume tiers usage can become cheaper later, and what was drawn is not given back.")
    if terms.minimum_spend or any(getattr(part, "minimum", 0) for part in terms.prices):
        return gettext("Credits are drawn by usage: a minimum spend would draw without any.")
    if terms.maximum_spend is not None:
        return gettext("Credits are a bound by themselves: a maximum spend cannot be kept beside them.")
    if terms.trial is not None:
        return gettext("Credits know no trial: included credits let people try.")
    if minor_digits(terms.currency) == _THREE_DIGITS and any(offer % 10 for offer in offers_of(terms)):
        return gettext("Stripe takes amounts of three-decimal currencies with a last digit of 0 alone.")
    return ""


def prepaid_of(terms: Terms) -> Prepaid:
    """The part that sells credits; who asks has looked that there is one."""
    assert terms.prepaid is not None  # noqa: S101 - see above
    return terms.prepaid


def offers_of(terms: Terms) -> list[int]:
    """What a top-up may be, in minor units, the smallest first."""
    return [to_minor(each, terms.currency) for each in prepaid_of(terms).offers]


def included_of(terms: Terms) -> int:
    """The credits that each period brings along, in minor units."""
    return to_minor(prepaid_of(terms).included, terms.currency)


def threshold_of(terms: Terms) -> int:
    """The balance that the plan proposes to buy a top-up under, in minor units."""
    return to_minor(prepaid_of(terms).below or Decimal(0), terms.currency)


def end_of_purchase(terms: Terms, bought_at: datetime) -> datetime | None:
    """When credits bought then end; None when they do not."""
    days = prepaid_of(terms).expires_after_days
    return None if days is None else bought_at + timedelta(days=days)


def period_at(subscription: Subscription, moment: datetime) -> tuple[datetime, datetime]:
    """(start, end) of the period that holds a moment. Periods begin on full hours, as usage is summed by."""
    anchor = subscription.billing_anchor or subscription.created_at
    interval = subscription.plan_version.terms.interval
    start, end = billing_window(interval, int(hour_of(anchor).timestamp()), int(moment.timestamp()))
    return datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)


def hour_of(moment: datetime) -> datetime:
    """The full hour before a moment."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def wanted_version(subscription: Subscription) -> PlanVersion:
    """The plan version that a first top-up brings, else the one in force."""
    if subscription.awaits_payment and subscription.requested_plan_version is not None:
        return subscription.requested_plan_version
    return subscription.plan_version
