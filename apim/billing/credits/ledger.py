"""The ledger: the only writer of movements. Each runs under the lock of its subscription and has a key of its own.

A movement that was made before is not made again, whoever asks: after a lost answer, a killed process, an event that
comes twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from apim.access.models import Subscription
from apim.billing.models import CreditAccount, CreditGrant, LedgerEntry, TopUp
from apim.pricing import credits as pure
from apim.pricing.credits import PRIORITIES, Pot

Kind = LedgerEntry.Kind
BILLING = "billing"


@dataclass(frozen=True, slots=True)
class Movement:
    """One movement. Shapes: amount is signed; grant None = used beyond the balance, or that paid."""

    kind: str
    amount: int
    key: str
    grant: CreditGrant | None = None
    period_start: datetime | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    made_by: str = BILLING


@dataclass(frozen=True, slots=True)
class Gift:
    """Credits to be granted. Shapes: source as in CreditGrant."""

    source: str
    amount: int
    key: str
    expires_at: datetime | None = None
    top_up: TopUp | None = None
    reason: str = ""
    made_by: str = BILLING


def lock_account(subscription_id: str) -> tuple[Subscription, CreditAccount]:
    """The subscription and its account, made when it has none; nobody else moves its credits until the end."""
    subscription = (
        Subscription.objects.select_for_update(of=("self",))
        .select_related("plan_version", "requested_plan_version", "product", "organization")
        .get(pk=subscription_id)
    )
    currency = (subscription.requested_plan_version or subscription.plan_version).terms.currency
    account, _ = CreditAccount.objects.get_or_create(subscription=subscription, defaults={"currency": currency})
    return subscription, account


def grant_credits(account: CreditAccount, gift: Gift) -> CreditGrant | None:
    """The grant, in the ledger; None when it was made before. What was used beyond the balance is paid from it."""
    if LedgerEntry.objects.filter(key=gift.key).exists():
        return None
    grant = CreditGrant.objects.create(
        subscription_id=account.pk,
        source=gift.source,
        priority=PRIORITIES[gift.source],
        currency=account.currency,
        amount=gift.amount,
        left=gift.amount,
        expires_at=gift.expires_at,
        top_up=gift.top_up,
        reason=gift.reason[:255],
        made_by=gift.made_by,
        created_at=timezone.now(),
    )
    debt = -(LedgerEntry.objects.filter(subscription=account.pk, grant=None).aggregate(sum=Sum("amount"))["sum"] or 0)
    _post(account, Movement(Kind.GRANT, gift.amount, gift.key, grant, reason=gift.reason, made_by=gift.made_by))
    if debt > 0:
        covered = min(debt, gift.amount)
        _post(account, Movement(Kind.COVER, -covered, f"{gift.key}:covers", grant))
        _post(account, Movement(Kind.COVER, covered, f"{gift.key}:covered"))
        _take_from(grant, covered)
    return grant


def draw_credits(
    account: CreditAccount, *, amount: int, key: str, period_start: datetime, usage: dict[str, Any]
) -> None:
    """Draw the amount from the grants in their order; what they lack is drawn beyond the balance."""
    drawn = pure.draw(pots_of(account), amount)
    grants = {grant.id: grant for grant in CreditGrant.objects.filter(id__in=[pot for pot, _ in drawn.parts])}
    for pot, part in drawn.parts:
        _post(account, Movement(Kind.DRAW, -part, f"{key}:{pot}", grants[pot], period_start, usage))
        _take_from(grants[pot], part)
    if drawn.beyond:
        _post(account, Movement(Kind.DRAW, -drawn.beyond, f"{key}:beyond", None, period_start, usage))


def note_base(account: CreditAccount, *, period_start: datetime, usage: dict[str, Any]) -> None:
    """How far the draws of a period have gone when other prices begin: a draw of nothing."""
    key = f"base:{account.pk}:{period_start:%Y%m%d%H}:{account.entries + 1}"
    _post(account, Movement(Kind.DRAW, 0, key, None, period_start, usage, reason="From here on by new prices."))


def expire_credits(account: CreditAccount, now: datetime) -> int:
    """What of the account's credits has ended, and is gone now."""
    over = pure.expired(pots_of(account), now)
    for pot in over:
        grant = CreditGrant.objects.get(id=pot.id)
        _post(account, Movement(Kind.EXPIRY, -pot.left, f"expiry:{pot.id}", grant))
        _take_from(grant, pot.left)
    return sum(pot.left for pot in over)


def take_back(account: CreditAccount, top_up: TopUp, target: int, reason: str) -> None:
    """Of a top-up, take so much back in all as was given back of its money, as far as it is unspent.

    When less is given back than was taken (a refund that failed, a dispute that was won), the rest is granted again.
    """
    bought = CreditGrant.objects.filter(top_up=top_up)
    taken = -(LedgerEntry.objects.filter(grant__in=bought, kind=Kind.TAKE_BACK).aggregate(s=Sum("amount"))["s"] or 0)
    returned = bought.filter(source=CreditGrant.Source.REVERSAL).aggregate(s=Sum("amount"))["s"] or 0
    missing = target - (taken - returned)
    if missing < 0:
        ends_at = bought.exclude(source=CreditGrant.Source.REVERSAL).values_list("expires_at", flat=True).first()
        key = f"return:{top_up.id}:{returned - missing}"
        grant_credits(
            account, Gift(CreditGrant.Source.REVERSAL, -missing, key, ends_at, top_up, "The money came back.")
        )
        return
    for grant in bought.filter(left__gt=0):
        part = min(grant.left, missing)
        if part <= 0:
            return
        taken += part
        _post(account, Movement(Kind.TAKE_BACK, -part, f"take-back:{top_up.id}:{taken}", grant, reason=reason))
        _take_from(grant, part)
        missing -= part


def pots_of(account: CreditAccount) -> list[Pot]:
    """What is left of each grant."""
    grants: Iterable[CreditGrant] = CreditGrant.objects.filter(subscription=account.pk, left__gt=0)
    return [Pot(each.id, each.left, each.priority, each.created_at, each.expires_at) for each in grants]


def _post(account: CreditAccount, movement: Movement) -> None:
    account.entries += 1
    account.balance += movement.amount
    LedgerEntry.objects.create(
        subscription_id=account.pk,
        number=account.entries,
        key=movement.key,
        kind=movement.kind,
        currency=account.currency,
        amount=movement.amount,
        balance=account.balance,
        grant=movement.grant,
        period_start=movement.period_start,
        usage=movement.usage,
        reason=movement.reason[:255],
        made_by=movement.made_by,
        at=timezone.now(),
    )
    account.save(update_fields=["entries", "balance"])


def _take_from(grant: CreditGrant, amount: int) -> None:
    grant.left -= amount
    grant.save(update_fields=["left"])
