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
from apim.billing.spending import Spending
from apim.notifications.posting import post
from apim.pricing.words import amount_words
from apim.ui.language import filled

if TYPE_CHECKING:
    from django.utils.functional import Promise


THRESHOLDS: Final = (50, 80, 100)
SOFT_THRESHOLDS: Final = (*THRESHOLDS, 120)  # where more may be used, and costs
SPEND: Final = "spend"
_LONGEST_SUBJECT: Final = 80
_INCLUDED: Final = (
    gettext_lazy("%(used)s of %(bound)s %(meter)s that the plan includes are used"),
    gettext_lazy(
        "%(used)s of %(bound)s %(meter)s that the plan includes are used; calls are refused until the period ends"
    ),
)
_AT_MOST: Final = (
    gettext_lazy("%(used)s of %(bound)s %(meter)s are used"),
    gettext_lazy("%(used)s of %(bound)s %(meter)s are used; calls are refused until the period ends"),
)
_CHARGED: Final = gettext_lazy(
    "%(used)s of %(bound)s %(meter)s that the plan includes are used; more of them are charged"
)
_PART_SPENT: Final = gettext_lazy("%(spent)s of at most %(cap)s are spent")
_FREE: Final = gettext_lazy("%(spent)s of at most %(cap)s are spent: more usage costs no more in this period")
_SPENT: Final = {  # what follows: without and with a known end of the period
    "block": (
        gettext_lazy("%(spent)s of at most %(cap)s are spent: calls are refused, or until the cap is raised"),
        gettext_lazy(
            "%(spent)s of at most %(cap)s are spent: calls are refused until %(until)s UTC, or until the cap is raised"
        ),
    ),
    "throttle": (
        gettext_lazy("%(spent)s of at most %(cap)s are spent: calls pass at a quarter of the plan's rate"),
        gettext_lazy(
            "%(spent)s of at most %(cap)s are spent: calls pass at a quarter of the plan's rate until %(until)s UTC"
        ),
    ),
}


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


def _passed(spending: Spending) -> Iterator[tuple[str, int, str | Promise]]:
    """(subject, threshold, words) of each threshold that the period is above."""
    if spending.cap is not None:
        for threshold in _below(spending.spent, spending.cap.amount, THRESHOLDS):
            yield SPEND, threshold, _spent_words(spending, is_all=threshold == THRESHOLDS[-1])
    for limit in spending.terms.limits:
        used = spending.usage.get(limit.meter, Decimal(0))
        bound = limit.included or limit.hard_cap
        if not bound:
            continue
        is_soft = bool(limit.included) and limit.on_exceed == "bill"
        told = {"used": f"{used:,}", "bound": f"{bound:,}", "meter": limit.meter}
        part, all_of_it = _INCLUDED if limit.included else _AT_MOST
        for threshold in _below(used, Decimal(bound), SOFT_THRESHOLDS if is_soft else THRESHOLDS):
            words = part if threshold < THRESHOLDS[-1] else _CHARGED if is_soft else all_of_it
            yield limit.meter, threshold, filled(words, told)


def _below(used: Decimal, bound: Decimal, thresholds: tuple[int, ...]) -> list[int]:
    return [threshold for threshold in thresholds if bound and used * 100 >= bound * threshold]


def _spent_words(spending: Spending, *, is_all: bool) -> str | Promise:
    """What of the cap is spent, and what follows once all of it is."""
    cap, ends = spending.cap, spending.mirror.period_end
    currency = spending.terms.currency
    told = {
        "spent": amount_words(spending.spent, currency),
        "cap": amount_words(cap.amount, currency) if cap else "",
        "until": f"{ends:%Y-%m-%d %H:%M}" if ends else "",
    }
    then = cap.then if cap and is_all else "go on"
    return filled(_SPENT[then][bool(ends)] if then in _SPENT else _FREE if is_all else _PART_SPENT, told)


@transaction.atomic
def _tell(spending: Spending, subject: str, threshold: int, words: str | Promise) -> bool:
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
