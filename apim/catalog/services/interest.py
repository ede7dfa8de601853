"""Follows of people, and searches that found nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from apim.accounts.models import User
from apim.catalog.models import API, Follow, MissedSearch
from apim.catalog.searching import LONGEST_TERM, fold, pieces_of

SHORTEST_TERM: Final = 2
MOST_TERMS: Final = 500
KEPT: Final = timedelta(days=90)
_TYPED_WITHIN: Final = timedelta(minutes=1)


def follow_api(*, api: API, user: User) -> Follow:
    """The person's follow of the API: whoever follows is told of new versions and deprecations. Twice is once."""
    return Follow.objects.get_or_create(api=api, user=user)[0]


def unfollow_api(*, api: API, user: User) -> None:
    """The person is told no more, unless an application of theirs is subscribed."""
    Follow.objects.filter(api=api, user=user).delete()


def note_missed_search(words: str) -> None:
    """Count a term that found nothing, for owners to see. Who searched is not kept.

    What was typed on the way to the term, letter by letter, gives way to it. Beyond MOST_TERMS the oldest one that
    was searched for only once gives way, so nonsense fills nothing and what people look for again and again stays.
    """
    term = fold(words[:LONGEST_TERM])[:LONGEST_TERM]
    if len(term) < SHORTEST_TERM and not pieces_of(term):  # a word of Chinese may be one character
        return
    now = timezone.now()
    beginnings = [term[:length] for length in range(SHORTEST_TERM, len(term))]
    MissedSearch.objects.filter(term__in=beginnings, times=1, last_at__gte=now - _TYPED_WITHIN).delete()
    if MissedSearch.objects.filter(term=term).update(times=F("times") + 1, last_at=now):
        return
    if MissedSearch.objects.count() >= MOST_TERMS:
        oldest = MissedSearch.objects.filter(times=1).order_by("last_at", "id").values("id")[:1]
        if not MissedSearch.objects.filter(id__in=list(oldest.values_list("id", flat=True))).delete()[0]:
            return
    try:
        with transaction.atomic():
            MissedSearch.objects.create(term=term, last_at=now)
    except IntegrityError:  # somebody else searched for it at the same moment
        MissedSearch.objects.filter(term=term).update(times=F("times") + 1, last_at=now)


def forget_missed_searches() -> int:
    """How many terms were dropped that nobody searched for in the time they are kept."""
    return MissedSearch.objects.filter(last_at__lt=timezone.now() - KEPT).delete()[0]


def forget_missed_search(*, missed: MissedSearch) -> None:
    """The term is off the list: the owner has seen to it, or it was nonsense."""
    missed.delete()
