"""Decisions by mail: links that open a request for one person, once and for a while, without a log-in.

Owns: what a link holds and when it is still good. Must not know: mails, pages. A link decides nothing by itself: it
opens a page whose button does, as mail scanners follow every link they see.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.core import signing
from django.urls import reverse

from apim.access.models import Subscription
from apim.accounts.models import User

LINK_AGE: Final = timedelta(days=14)
_SALT: Final = "apim.access.one_click"


@dataclass(frozen=True, slots=True)
class Invited:
    """A person and the request that a link lets them decide."""

    user: User
    subscription: Subscription


def decision_path(subscription: Subscription, user: User) -> str:
    """The path of the page on which this person decides this request."""
    return reverse("console:approval-by-mail", args=[link_of(subscription, user)])


def link_of(subscription: Subscription, user: User) -> str:
    """What a link says: who decides what was asked when, signed, with its time."""
    return signing.dumps([subscription.pk, user.pk, _asked(subscription)], salt=_SALT, compress=True)


def open_link(link: str) -> Invited | None:
    """Whom and what a link is about.

    None for one that is forged, older than LINK_AGE, of somebody who is suspended or may no longer decide, and for a
    request that was decided or taken back, also when another one followed it.
    """
    try:
        subscription_id, user_id, asked = signing.loads(link, salt=_SALT, max_age=LINK_AGE)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None:
        return None
    waiting = Subscription.objects.decidable_by(user).awaiting_decision().with_names()
    subscription = waiting.prefetch_related("applications").filter(pk=subscription_id).first()
    if subscription is None or _asked(subscription) != asked:
        return None
    return Invited(user, subscription)


def _asked(subscription: Subscription) -> str:
    """When it was asked, as the database has it: a link is for one request and not for the next one."""
    moment = Subscription.objects.values_list("asked_at", flat=True).get(pk=subscription.pk)
    return moment.isoformat() if moment else ""
