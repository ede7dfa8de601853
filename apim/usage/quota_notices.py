"""Quotas that are nearly or quite used up, or will be: told to everyone in the organization, once a period.

Owns: of what people are told, and what of it comes by mail to those who did not switch that off. Must not know: how
notices are kept and mails leave. Quotas of an hour are over before anybody reads; of a quota of a day only its end is
worth a mail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils.functional import Promise, lazy
from django.utils.translation import gettext_lazy

from apim.access.models import Subscription
from apim.accounts.links import absolute_url
from apim.accounts.models import Membership, User
from apim.notifications.models import Notification
from apim.notifications.notices import tell
from apim.notifications.posting import post
from apim.products.limits import CALLS
from apim.ui.language import filled
from apim.usage.models import UsageRollup
from apim.usage.quota_words import quota_words
from apim.usage.quotas import Projected, projected

_KIND: Final = "quota"
_USED_LATELY: Final = timedelta(minutes=3)
_NEARLY: Final = 80
_LONG: Final = frozenset({"month", "period"})  # quotas that one plans by
_BATCH: Final = 200
_words = lazy(quota_words, str)  # said to each in the language of the account


@dataclass(frozen=True, slots=True)
class Piece:
    """What is to be told of one quota."""

    subscription: Subscription
    cause: str
    title: str | Promise
    text: str | Promise = ""
    is_mailed: bool = False

    @property
    def path(self) -> str:
        """The page that shows it."""
        return f"/my/subscriptions/{self.subscription.pk}"


def tell_people_of_quotas(now: datetime) -> int:
    """How many notices are new. Looks at subscriptions that were used just now: no other's quota can have changed."""
    used = UsageRollup.objects.filter(period="minute", at__gte=now - _USED_LATELY).exclude(subscription_id="")
    ids = sorted(set(used.order_by().values_list("subscription_id", flat=True)))
    told = 0
    for start in range(0, len(ids), _BATCH):
        batch = list(Subscription.objects.live().filter(id__in=ids[start : start + _BATCH]).with_names())
        quotas = projected(batch, now)
        pieces = [piece for each in batch for quota in quotas[each.pk] for piece in _pieces(each, quota)]
        told += _tell(pieces)
    return told


def _pieces(subscription: Subscription, quota: Projected) -> Iterator[Piece]:
    """The most urgent thing to say of the quota, if any."""
    gauge, forecast = quota.gauge, quota.forecast
    if gauge.per == "hour":
        return
    what = ""
    if gauge.used >= gauge.limit:
        what = "used_up"
    elif gauge.percent >= _NEARLY:
        what = "nearly_used"
    elif gauge.per in _LONG and forecast.is_certain:
        what = "runs_out"
    if what:
        kind = gauge.per if gauge.unit == CALLS else f"{gauge.per}.{gauge.unit}"
        cause = f"{_KIND}.{what}:{subscription.pk}:{kind}:{gauge.resets_at:%Y%m%d%H%M}"
        text = _words(gauge, forecast)
        title = filled(_TITLES[what], {"product": subscription.product})
        yield Piece(subscription, cause, title, text, is_mailed=gauge.per in _LONG or what == "used_up")


_TITLES: Final = {
    "used_up": gettext_lazy("The quota of %(product)s is used up: calls get 429 until it starts again"),
    "nearly_used": gettext_lazy("80 %% of the quota of %(product)s are used"),
    "runs_out": gettext_lazy("The quota of %(product)s will be used up before it starts again"),
}


@transaction.atomic
def _tell(pieces: Collection[Piece]) -> int:
    known = set(Notification.objects.filter(cause__in=[each.cause for each in pieces]).values_list("cause", flat=True))
    new = [each for each in pieces if each.cause not in known]
    members: defaultdict[str, list[str]] = defaultdict(list)
    organizations = {each.subscription.organization_id for each in new}
    rows = Membership.objects.filter(organization__in=organizations, user__is_active=True).order_by("created_at")
    for organization_id, user_id in rows.values_list("organization_id", "user_id"):
        members[organization_id].append(user_id)
    told = 0
    for each in new:
        notices = tell(
            user_ids=members[each.subscription.organization_id],
            kind=_KIND,
            cause=each.cause,
            title=each.title,
            text=each.text,
            path=each.path,
        )
        told += len(notices)
        if each.is_mailed:
            _mail(each, [notice.user_id for notice in notices])
    return told


def _mail(piece: Piece, user_ids: Iterable[str]) -> None:
    """Tell it by mail to those who want such mails."""
    readers = User.objects.filter(pk__in=user_ids).exclude(mail_choices__quotas=False).order_by("created_at")
    post(
        "usage.quota",
        to=list(readers.values_list("email", flat=True)),
        values={
            "headline": piece.title,
            "forecast": piece.text,
            "product": piece.subscription.product,
            "plan": piece.subscription.plan_version.plan,
            "organization": piece.subscription.organization,
            "link": absolute_url(piece.path),
            "choices_link": absolute_url("/my/notifications"),
        },
    )
