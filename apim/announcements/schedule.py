"""What the product itself announces: new versions, and the end of old ones, each stage once.

A deprecation is told on its day to those who still call, and 90, 30, 7 and 1 days before the sunset to those who
still do then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from apim.announcements.models import Announcement
from apim.announcements.own_words import CALLED_WITHIN_DAYS, words_about
from apim.announcements.services import settle
from apim.catalog.models import APIVersion
from apim.ui.language import speaking

STAGES: Final = (90, 30, 7, 1)  # days before the sunset
_NEWS_FOR: Final = timedelta(days=2)  # what is older was told by an earlier release, or by nobody; it is no news
_AUTHOR: Final = "apim"
State = APIVersion.State


def announce_due(now: datetime | None = None) -> int:
    """How many announcements were begun. Each is settled with its cause in one transaction: none comes twice."""
    now = now or timezone.now()
    drafts = [*_new_versions(now), *_deprecations(now)]
    known = set(
        Announcement.objects.filter(cause__in=[draft.cause for draft in drafts]).values_list("cause", flat=True)
    )
    return sum(_announce(draft) for draft in drafts if draft.cause not in known)


def _new_versions(now: datetime) -> list[Announcement]:
    """Versions published lately, of APIs that had one before."""
    rows = APIVersion.objects.filter(
        state=State.PUBLISHED, published_at__gt=now - _NEWS_FOR, published_at__lte=now, api__archived_at=None
    ).select_related("api")
    return [
        _draft(version, f"published:{version.pk}", days=0, kind=Announcement.Kind.VERSION)
        for version in rows
        if version.api.versions.filter(published_at__lt=version.published_at).exists()
    ]


def _deprecations(now: datetime) -> list[Announcement]:
    """Stages of deprecations that have come."""
    rows = APIVersion.objects.filter(
        state=State.DEPRECATED, deprecated_at__lte=now, api__archived_at=None
    ).select_related("api", "successor")
    causes: list[tuple[APIVersion, str]] = []
    for version in rows:
        if version.deprecated_at and version.deprecated_at > now - _NEWS_FOR:
            causes.append((version, f"deprecated:{version.pk}:{version.deprecated_at:%Y-%m-%d}"))
        if (days := _stage(version, now)) is not None:
            causes.append((version, f"sunset:{version.pk}:{version.sunset_at:%Y-%m-%d}:{days}"))
    return [
        _draft(version, cause, version=version, days=CALLED_WITHIN_DAYS, kind=Announcement.Kind.DEPRECATION)
        for version, cause in causes
    ]


def _stage(version: APIVersion, now: datetime) -> int | None:
    """The nearest stage that has come. One before the deprecation itself is no stage: that was told already."""
    if version.sunset_at is None or version.deprecated_at is None or now >= version.sunset_at:
        return None
    come = [days for days in STAGES if version.deprecated_at <= version.sunset_at - timedelta(days=days) <= now]
    return min(come, default=None)


def _draft(about: APIVersion, cause: str, **options: Any) -> Announcement:
    """The draft with its words as they are kept, in English; readers are told it in their own languages."""
    draft = Announcement(api=about.api, cause=cause, **options)
    with speaking("en"):
        draft.subject, draft.body = words_about(about, draft)
    return draft


def _announce(draft: Announcement) -> bool:
    """True when the announcement is new."""
    draft.created_by = _AUTHOR
    try:
        with transaction.atomic():
            draft.save()
            settle(draft)
    except IntegrityError:  # another worker was first
        return False
    return True
