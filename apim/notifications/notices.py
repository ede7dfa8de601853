"""Notices in the portal: told once a cause, read, forgotten; and what a person wants by mail besides.

Owns: a person's notices and mail choices. Must not know: what happened; whoever tells it names kind, cause and words.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.functional import Promise

from apim.accounts.models import User, Viewer
from apim.notifications.models import MailChoices, Notification
from apim.ui.language import speaking

KEPT: Final = timedelta(days=365)
READ_KEPT: Final = timedelta(days=90)
_BATCH: Final = 500


def tell(
    *, user_ids: Collection[str], kind: str, cause: str, title: str | Promise, text: str | Promise = "", path: str = ""
) -> list[Notification]:
    """The new notices of something that happened. Whoever was told of the cause before is not told again.

    Shapes: kind of Notification.Kind or another word; cause is unique to the event; path is a page of the portal. A
    lazy title or text is told to each in the language of the account, and kept in every other one.
    """
    said = _said(title, text)
    chosen = dict(User.objects.filter(pk__in=user_ids).values_list("pk", "language")) if len(said) > 1 else {}
    rows = []
    for user_id in dict.fromkeys(user_ids):
        own = said.get(chosen.get(user_id, ""), said[settings.LANGUAGE_CODE])
        others = {language: words for language, words in said.items() if words != own}
        rows.append(
            Notification(
                user_id=user_id,
                kind=kind,
                cause=cause[:120],
                title=own[0],
                text=own[1],
                in_others=others,
                path=path[:255],
            )
        )
    Notification.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)
    new = Notification.objects.filter(pk__in=[each.pk for each in rows]).values_list("pk", flat=True)
    kept = set(new)  # what was told before kept its own row
    return [each for each in rows if each.pk in kept]


def _said(title: str | Promise, text: str | Promise) -> dict[str, list[str]]:
    """The title and the text in each language; in that of the installation alone where they are the same in all."""
    if not isinstance(title, Promise) and not isinstance(text, Promise):
        return {settings.LANGUAGE_CODE: [_one_line(title), text]}
    words: dict[str, list[str]] = {}
    for language, _ in settings.LANGUAGES:
        with speaking(language):
            words[language] = [_one_line(str(title)), str(text)]
    return words


def _one_line(title: str) -> str:
    return " ".join(title.split())[:200]


def unread_count(user: Viewer) -> int:
    """How many notices the person has not read."""
    return Notification.objects.visible_to(user).unread().count()


def mark_read(*, user: User, notification_id: str = "") -> int:
    """How many notices became read: one, or all without an id."""
    rows = Notification.objects.visible_to(user).unread()
    if notification_id:
        rows = rows.filter(pk=notification_id)
    return rows.update(read_at=timezone.now())


def set_mail_choices(
    *, user: User, announcements: bool, news: bool, quotas: bool, jobs: bool | None = None
) -> MailChoices:
    """What the person wants by mail from now on; None leaves a choice as it was."""
    wanted = {
        "announcements": announcements,
        "news": news,
        "quotas": quotas,
        **({} if jobs is None else {"jobs": jobs}),
    }
    return MailChoices.objects.update_or_create(user=user, defaults=wanted)[0]


def mail_choices_of(user: User) -> MailChoices:
    """What the person wants by mail: everything, until they say otherwise."""
    return MailChoices.objects.filter(user=user).first() or MailChoices(user=user)


def forget_notices() -> int:
    """How many old notices were dropped."""
    now = timezone.now()
    old = Q(created_at__lt=now - KEPT) | Q(read_at__lt=now - READ_KEPT)
    return Notification.objects.filter(old).delete()[0]
