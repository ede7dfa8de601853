"""Drawing: what usage costs, taken from credits once, whatever comes twice or late and whatever dies in between.

A period's draws add up to what its usage costs by rating. Each draw says in its entry how far it went, so the next one
takes the difference; usage, entries and what gateways are told are written in one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, Sum
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.credits.allowing import QUIET, tell_gateways
from apim.billing.credits.counting import HOUR, count_windows, usage_between
from apim.billing.credits.ledger import Gift, draw_credits, expire_credits, grant_credits, lock_account, note_base
from apim.billing.credits.terms import hour_of, included_of, period_at
from apim.billing.models import CreditAccount, CreditGrant, LedgerEntry
from apim.pricing.credits import due_of
from apim.products.models import Meter, PlanVersion
from apim.usage.models import UsageRollup

logger = logging.getLogger(__name__)

LOOK_BACK: Final = timedelta(hours=2)
LONG_LOOK_BACK: Final = timedelta(days=3)
_ACTIVE: Final = (Subscription.Lifecycle.ACTIVE, Subscription.Lifecycle.CANCELED)


def draw_all(look_back: timedelta = LOOK_BACK) -> int:
    """How many subscriptions were looked at because something of theirs is new: usage, an expiry, a period."""
    now = timezone.now()
    accounts = CreditAccount.objects.filter(
        started_at__isnull=False, subscription__lifecycle__in=Subscription.LIVE
    ).select_related("subscription__plan_version")
    seen = _digests(accounts.values_list("pk", flat=True), now)
    ending = set(CreditGrant.objects.filter(left__gt=0, expires_at__lte=now).values_list("subscription_id", flat=True))
    looked_at = 0
    for account in accounts:
        digest = seen.get(account.pk, "")
        is_new = digest != account.seen or account.pk in ending or look_back > LOOK_BACK
        if is_new or _is_left_over(account) or _is_new_period(account, now) or _is_calm(account, now):
            draw_usage(account.pk, look_back=look_back, seen=digest)
            looked_at += 1
    return looked_at


@transaction.atomic
def draw_usage(subscription_id: str, *, look_back: timedelta = LOOK_BACK, seen: str = "") -> int:
    """What was drawn by this call. Shapes: seen is the digest of the calls that were known before."""
    subscription, account = lock_account(subscription_id)
    if account.started_at is None or subscription.plan_version.terms.prepaid is None or not subscription.is_live:
        tell_gateways(subscription, account)
        return 0
    drawn = _draw(subscription, account, look_back, seen)
    tell_gateways(subscription, account)
    return drawn


def draw_before_move(subscription_id: str, version: PlanVersion) -> bool:
    """True when it draws on credits: all that was used is drawn, and what follows is drawn by the version's prices.

    Within the transaction that moves it to the version; tell_of_credits comes last in it.
    """
    subscription, account = lock_account(subscription_id)
    if account.started_at is None or subscription.plan_version.terms.prepaid is None or not subscription.is_live:
        return False
    _draw(subscription, account, LONG_LOOK_BACK, account.seen)
    now = timezone.now()
    start, end = period_at(subscription, max(now - LONG_LOOK_BACK, account.started_at))
    while start <= now:  # what comes late of an earlier period is drawn by the version too
        last = _last_of(subscription, start)
        base = {"drawn": int(last["drawn"]) if last else 0, "meters": _told(usage_between(subscription, start, end))}
        note_base(account, period_start=start, usage={"version": version.id, **base, "base": base})
        start, end = period_at(subscription, end)
    return True


def tell_of_credits(subscription_id: str) -> None:
    """Have gateways admit what credits pay for by the version in force now. Last in its transaction."""
    tell_gateways(*lock_account(subscription_id))


def _draw(subscription: Subscription, account: CreditAccount, look_back: timedelta, seen: str) -> int:
    """What was drawn by this call, by the version in force."""
    now = timezone.now()
    started_at = account.started_at or now
    since = max(hour_of(now - look_back), hour_of(started_at))
    prices = subscription.plan_version.terms.prices
    meters = list(Meter.objects.filter(name__in=[part.meter for part in prices if hasattr(part, "meter")]))
    count_windows(subscription, meters, since=since, started_at=started_at)
    drawn = 0
    start, end = period_at(subscription, since)
    while end <= now:  # what is late of earlier periods
        drawn += _draw_period(subscription, account, start, end)
        start, end = period_at(subscription, end)
    expire_credits(account, start)
    _include(subscription, account, start, end)
    drawn += _draw_period(subscription, account, start, end)
    expire_credits(account, now)
    if drawn or (seen and seen != account.seen) or account.drawn_at is None or account.drawn_at < start:
        account.drawn_at = now
    account.seen = seen
    account.save(update_fields=["seen", "drawn_at"])
    return drawn


def _draw_period(subscription: Subscription, account: CreditAccount, start: datetime, end: datetime) -> int:
    """Take the difference between what the period's usage costs and what was drawn for it."""
    version = subscription.plan_version
    usage = usage_between(subscription, start, end)
    last = _last_of(subscription, start)
    base = _base_of(last, version.id)
    due = int(base["drawn"]) + due_of(version.terms, usage) - due_of(version.terms, _quantities(base["meters"]))
    difference = due - int(last["drawn"] if last else 0)
    if difference <= 0:
        return 0
    told = {
        "version": version.id,
        "drawn": due,
        "meters": _told(usage),
        "base": base,
    }
    key = f"draw:{subscription.id}:{start:%Y%m%d%H}:{due}"
    draw_credits(account, amount=difference, key=key, period_start=start, usage=told)
    return difference


def _last_of(subscription: Subscription, start: datetime) -> dict[str, Any] | None:
    """How far the last draw of a period went."""
    entries = LedgerEntry.objects.filter(subscription=subscription, kind=LedgerEntry.Kind.DRAW, period_start=start)
    return entries.order_by("-number").values_list("usage", flat=True).first()


def _base_of(last: dict[str, Any] | None, version: str) -> dict[str, Any]:
    """What was drawn, and for which usage, before the plan version in force began to count in the period."""
    if last is None:
        return {"drawn": 0, "meters": {}}
    return dict(last["base"]) if last["version"] == version else {"drawn": last["drawn"], "meters": last["meters"]}


def _told(usage: dict[str, Decimal]) -> dict[str, int]:
    return {meter: int(quantity) for meter, quantity in usage.items()}


def _quantities(meters: dict[str, int]) -> dict[str, Decimal]:
    return {meter: Decimal(quantity) for meter, quantity in meters.items()}


def _include(subscription: Subscription, account: CreditAccount, start: datetime, end: datetime) -> None:
    """The credits that a period brings along, once; who left and came back within one has had them."""
    amount = included_of(subscription.plan_version.terms)
    if not amount or subscription.lifecycle not in _ACTIVE:
        return
    elsewhere = CreditGrant.objects.filter(
        source=CreditGrant.Source.RECURRING,
        subscription__organization=subscription.organization_id,
        subscription__product=subscription.product_id,
        expires_at__gt=start,
    ).exclude(subscription=subscription)
    if elsewhere.filter(created_at__lt=end, expires_at__gt=timezone.now()).exists():
        return
    key = f"included:{subscription.id}:{start:%Y%m%d%H}"
    grant_credits(account, Gift(CreditGrant.Source.RECURRING, amount, key, end, reason="Included in the plan."))


def _digests(ids: Iterable[str], now: datetime) -> dict[str, str]:
    """By subscription, what changes with each call that comes: the sums of the last hours."""
    rows = UsageRollup.objects.filter(period="hour", at__gte=hour_of(now) - HOUR, subscription_id__in=list(ids))
    sums = rows.values("subscription_id").annotate(calls=Sum("calls"), last=Max("at")).order_by()
    return {each["subscription_id"]: f"{each['last']:%Y%m%d%H}:{each['calls']}" for each in sums}


def _is_left_over(account: CreditAccount) -> bool:
    """True while gateways count calls against credits for a plan that has none any more."""
    subscription = account.subscription
    return subscription.plan_version.terms.prepaid is None and subscription.allowance is not None


def _is_new_period(account: CreditAccount, now: datetime) -> bool:
    start, _ = period_at(account.subscription, now)
    return account.subscription.plan_version.terms.prepaid is not None and (
        account.drawn_at is None or account.drawn_at < start
    )


def _is_calm(account: CreditAccount, now: datetime) -> bool:
    """True some minutes after the last usage, until gateways count from a later moment."""
    since = account.subscription.allowance_since
    return since is not None and account.drawn_at is not None and since < account.drawn_at < now - QUIET
