"""What pages and the REST API tell of credits, in a fixed number of queries whatever the ledger holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from django.db.models import Max, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.credits.allowing import affordable_of
from apim.billing.credits.terms import wanted_version
from apim.billing.models import CreditAccount, CreditGrant, LedgerEntry
from apim.pricing.credits import MOST_CALLS, days_left
from apim.products.models import PlanVersion

DAYS_SHOWN: Final = 30
_DAYS_OF_PACE: Final = 7
_GRANTS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class CreditsView:
    """How credits stand. Shapes: amounts in minor units; balances = one for each of the last days, today the last.

    affordable = calls that the balance pays for, None where nobody can say; exhausted_at None = no pace to tell by.
    """

    version: PlanVersion
    account: CreditAccount | None
    currency: str
    balance: int
    first_day: date
    balances: list[int]
    drawn_today: int
    exhausted_at: datetime | None
    affordable: int | None
    grants: list[CreditGrant]


def credits_of(subscription: Subscription) -> CreditsView:
    """The credits of a subscription; empty before the first."""
    account = CreditAccount.objects.filter(pk=subscription.pk).first()
    version = wanted_version(subscription)
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=DAYS_SHOWN - 1)
    days = _days(subscription, first)
    balances, balance = [], _balance_before(subscription, first)
    for number in range(DAYS_SHOWN):
        balance = days.get(first + timedelta(days=number), (balance, 0))[0]
        balances.append(balance)
    pace = [days.get(today - timedelta(days=number), (0, 0))[1] for number in range(1, _DAYS_OF_PACE + 1)]
    drawn_today = days.get(today, (0, 0))[1]
    whole = [each for each in pace if each] and pace
    left = days_left(balance, whole or [drawn_today])
    affordable = affordable_of(subscription, account) if account is not None and account.started_at else None
    grants = CreditGrant.objects.filter(subscription=subscription, left__gt=0)
    return CreditsView(
        version=version,
        account=account,
        currency=account.currency if account is not None else version.terms.currency,
        balance=account.balance if account is not None else 0,
        first_day=first,
        balances=balances,
        drawn_today=drawn_today,
        exhausted_at=_moment_in(left),
        affordable=None if affordable == MOST_CALLS else affordable,
        grants=list(grants[:_GRANTS_SHOWN]),
    )


def _days(subscription: Subscription, first: date) -> dict[date, tuple[int, int]]:
    """By day, the balance at its end and what it drew."""
    since = datetime.combine(first, datetime.min.time(), UTC)
    entries = LedgerEntry.objects.filter(subscription=subscription, at__gte=since)
    sums = list(
        entries.annotate(day=TruncDate("at", tzinfo=UTC))
        .values("day")
        .annotate(last=Max("number"), drawn=Sum("amount", filter=Q(kind=LedgerEntry.Kind.DRAW)))
        .order_by()
    )
    last = LedgerEntry.objects.filter(subscription=subscription, number__in=[each["last"] for each in sums])
    balances = dict(last.values_list("number", "balance"))
    return {each["day"]: (balances[each["last"]], -(each["drawn"] or 0)) for each in sums}


def _balance_before(subscription: Subscription, first: date) -> int:
    since = datetime.combine(first, datetime.min.time(), UTC)
    earlier = LedgerEntry.objects.filter(subscription=subscription, at__lt=since).order_by("-number")
    return earlier.values_list("balance", flat=True).first() or 0


def _moment_in(days: float | None) -> datetime | None:
    """A moment so many days ahead; None when that is too far to be told."""
    if days is None or days > 3650:  # noqa: PLR2004 - ten years
        return None
    return timezone.now() + timedelta(days=days)
