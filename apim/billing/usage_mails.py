"""Mails about usage: one for each threshold and period, written with the row that says so, or neither."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from django.db import transaction
from django.utils.translation import gettext_lazy

from apim.accounts.links import absolute_url
from apim.billing.mails import addresses_of
from apim.billing.models import UsageNotice
from apim.notifications.posting import post
from apim.pricing.words import amount_words

if TYPE_CHECKING:
    from apim.billing.spending import Spending

THRESHOLDS: Final = (50, 80, 100)
SOFT_THRESHOLDS: Final = (*THRESHOLDS, 120)  # where more may be used, and costs
SPEND: Final = "spend"
_LONGEST_SUBJECT: Final = 80


def tell_usage_of(batch: Sequence[Spending]) -> int:
    """How many thresholds were passed since, and are told of now. One query where nothing is to be told."""
    wanted = [each for each in batch if not each.is_trial and (each.control is None or each.control.wants_mails)]
    rows = UsageNotice.objects.filter(
        subscription__in=[each.mirror.subscription_id for each in wanted],
        period_start__in={each.mirror.period_start for each in wanted if each.mirror.period_start is not None},
    )
    told = set(rows.values_list("subscription_id", "period_start", "subject", "threshold"))
    new = 0
    for spending in wanted:
        of = (spending.mirror.subscription_id, spending.mirror.period_start)
        for subject, threshold, words in _passed(spending):
            if (*of, subject[:_LONGEST_SUBJECT], threshold) not in told:
                new += _tell(spending, subject, threshold, words)
    return new


def _passed(spending: Spending) -> Iterator[tuple[str, int, str]]:
    """(subject, threshold, words) of each threshold that the period is above."""
    currency = spending.terms.currency
    if spending.cap is not None:
        what = f"{amount_words(spending.spent, currency)} of at most {amount_words(spending.cap.amount, currency)}"
        for threshold in _below(spending.spent, spending.cap.amount, THRESHOLDS):
            yield SPEND, threshold, f"{what} are spent{_then(spending) if threshold == THRESHOLDS[-1] else ''}"
    for limit in spending.terms.limits:
        used = spending.usage.get(limit.meter, Decimal(0))
        bound = limit.included or limit.hard_cap
        if not bound:
            continue
        is_soft = bool(limit.included) and limit.on_exceed == "bill"
        what = f"{used:,} of {bound:,} {limit.meter} {'that the plan includes ' if limit.included else ''}are used"
        more = "; more of them are charged" if is_soft else "; calls are refused until the period ends"
        for threshold in _below(used, Decimal(bound), SOFT_THRESHOLDS if is_soft else THRESHOLDS):
            yield limit.meter, threshold, f"{what}{more if threshold >= THRESHOLDS[-1] else ''}"


def _below(used: Decimal, bound: Decimal, thresholds: tuple[int, ...]) -> list[int]:
    return [threshold for threshold in thresholds if bound and used * 100 >= bound * threshold]


def _then(spending: Spending) -> str:
    ends = spending.mirror.period_end
    until = f" until {ends:%Y-%m-%d %H:%M} UTC" if ends else ""
    cap = spending.cap
    return {
        "block": f": calls are refused{until}, or until the cap is raised",
        "throttle": f": calls pass at a quarter of the plan's rate{until}",
    }.get(cap.then if cap else "", ": more usage costs no more in this period")


@transaction.atomic
def _tell(spending: Spending, subject: str, threshold: int, words: str) -> bool:
    """True when nobody was told before: the row and its mails are kept together."""
    subscription, start = spending.mirror.subscription, spending.mirror.period_start
    if start is None:
        return False
    _, is_new = UsageNotice.objects.get_or_create(
        subscription=subscription, period_start=start, subject=subject[:_LONGEST_SUBJECT], threshold=threshold
    )
    if not is_new:
        return False
    page = absolute_url(f"/my/subscriptions/{subscription.pk}/usage")
    of = gettext_lazy("the most to be spent") if subject == SPEND else subject
    post(
        "billing.usage",
        to=addresses_of(subscription.organization_id),
        values={"product": subscription.product, "percent": threshold, "of": of, "words": words, "link": page},
    )
    return True
