"""Notices in the portal: told once a cause, read, forgotten; and what a person wants by mail besides.

Owns: a person's notices and mail choices. Must not know: what happened; whoever tells it names kind, cause and words.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db.models import Q
from django.utils import timezone

from apim.accounts.models import User, Viewer
from apim.notifications.models import MailChoices, Notification

KEPT: Final = timedelta(days=365)
READ_KEPT: Final = timedelta(days=90)
_BATCH: Final = 500


def tell(
    *, user_ids: Collection[str], kind: str, cause: str, title: str, text: str = "", path: str = ""
) -> list[Notification]:
    """Tell people of something that happened. Whoever was told of the cause before is not told again.

    Shapes: kind of Notification.Kind or another word; cause is unique to the event; path is a page of the portal.
    """
    longest = {"cause": 120, "title": 200, "path": 255}
    values = {"cause": cause, "title": " ".join(title.split()), "path": path}
    cut = {name: value[: longest[name]] for name, value in values.items()}
    rows = [Notification(user_id=user_id, kind=kind, text=text, **cut) for user_id in dict.fromkeys(user_ids)]
    return Notification.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)


def unread_count(user: Viewer) -> int:
    """How many notices the person has not read."""
    return Notification.objects.visible_to(user).unread().count()


def mark_read(*, user: User, notification_id: str = "") -> int:
    """How many notices became read: one, or all without an id."""
    rows = Notification.objects.visible_to(user).unread()
    if notification_id:
        rows = rows.filter(pk=notification_id)
    return rows.update(read_at=timezone.now())


def set_mail_choices(*, user: User, announcements: bool, news: bool) -> MailChoices:
    """What the person wants by mail from now on."""
    wanted = {"announcements": announcements, "news": news}
    return MailChoices.objects.update_or_create(user=user, defaults=wanted)[0]


def mail_choices_of(user: User) -> MailChoices:
    """What the person wants by mail: everything, until they say otherwise."""
    return MailChoices.objects.filter(user=user).first() or MailChoices(user=user)


def forget_notices() -> int:
    """How many old notices were dropped."""
    now = timezone.now()
    old = Q(created_at__lt=now - KEPT) | Q(read_at__lt=now - READ_KEPT)
    return Notification.objects.filter(old).delete()[0]
