"""Journeys: when a person reached each step on the way to a first 2xx; and how often an API's page was looked at.

Owns: writing each milestone once. Must not know: pages. Of anonymous people only a count is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from apim.access.models import Application
from apim.accounts.models import User
from apim.catalog.models import API
from apim.onboarding.models import Journey, PageViews
from apim.products.models import Product, ProductItem
from apim.usage.records import Asked, record_log
from apim.usage.upserts import add_up

_WATCHED = timedelta(days=7)  # how long records of calls are kept
_NEW = timedelta(days=1)  # after that, the time since sign-up tells nothing of the way
_NEWS = timedelta(minutes=10)
_BATCH = 500

_Firsts: TypeAlias = dict[tuple[str, str], tuple[datetime, datetime | None]]  # by application and version


@dataclass(frozen=True, slots=True)
class FirstCall:
    """A first 2xx. Shapes: since_sign_up_s None for who signed up long ago."""

    since_sign_up_s: int | None


def count_view(api: API) -> None:
    """One more look at the API's page, today."""
    add_up(PageViews, ("api_id", "day"), ("views",), {(api.id, timezone.now().date()): (1,)})


def set_out(*, user: User, product: Product) -> None:
    """Note that the person is on the way to the product, unless that is noted."""
    Journey.objects.bulk_create([Journey(user=user, product=product, began_at=timezone.now())], ignore_conflicts=True)


@transaction.atomic
def arrive(*, user: User, product: Product, application: Application, has_key: bool) -> None:
    """Note the application, and the key when there is one; what is noted already stays."""
    set_out(user=user, product=product)
    now = timezone.now()
    mine = Journey.objects.filter(user=user, product=product)
    mine.filter(application=None).update(application=application, applied_at=now)
    if has_key:
        mine.filter(key_at=None).update(key_at=now)


def celebrate(user: User, application_id: str) -> FirstCall | None:
    """What to say of a 2xx that the person has just seen; None when it was not the application's first."""
    mine = Journey.objects.filter(user=user, application=application_id, succeeded_at=None)
    now = timezone.now()
    if not mine.update(requested_at=Coalesce("requested_at", Value(now)), succeeded_at=now):
        return None
    took = now - user.created_at
    return FirstCall(round(took.total_seconds()) if took <= _NEW else None)


def just_arrived(application_id: str, now: datetime) -> FirstCall | None:
    """The application's first 2xx, while it is news; None before and after."""
    news = Journey.objects.filter(application=application_id, succeeded_at__gt=now - _NEWS).select_related("user")
    found = news.order_by("succeeded_at").first()
    if found is None or found.succeeded_at is None:
        return None
    took = found.succeeded_at - found.user.created_at
    return FirstCall(round(took.total_seconds()) if timedelta() <= took <= _NEW else None)


def note_calls(now: datetime) -> int:
    """Fill in first calls and first answers of 2xx from what gateways counted; how many journeys changed.

    A fixed number of queries a batch, and one for each journey that changed: what celebrate noted meanwhile stays.
    """
    waiting = Journey.objects.filter(succeeded_at=None, applied_at__gte=now - _WATCHED, application__isnull=False)
    waiting, changed, last = waiting.order_by("pk"), 0, 0
    while batch := list(waiting.filter(pk__gt=last)[:_BATCH]):
        last = batch[-1].pk
        firsts = _first_calls({str(each.application_id) for each in batch}, now)
        opened = _opened({each.product_id for each in batch})
        changed += sum(_note(each, firsts, opened[each.product_id]) for each in batch)
    return changed


def _note(journey: Journey, firsts: _Firsts, opened: set[str]) -> int:
    """1 when the journey changed."""
    calls = [firsts[journey.application_id, each] for each in opened if (journey.application_id, each) in firsts]
    requested = min((first for first, _ in calls), default=None)
    succeeded = min((ok for _, ok in calls if ok is not None), default=None)
    requested = min(filter(None, (requested, journey.requested_at)), default=None)  # records go after some days
    if (requested, succeeded) == (journey.requested_at, None):
        return 0
    return Journey.objects.filter(pk=journey.pk, succeeded_at=None).update(
        requested_at=requested, succeeded_at=succeeded
    )


def _first_calls(application_ids: Iterable[str], now: datetime) -> _Firsts:
    """(first call, first 2xx or None) by application and version."""
    found = record_log().first_calls(Asked({"application_id": list(application_ids)}, since=now - _WATCHED))
    return {(each.application_id, each.version_id): (each.at, each.ok_at) for each in found}


def _opened(product_ids: set[str]) -> dict[str, set[str]]:
    """The versions that each product opens."""
    opened: dict[str, set[str]] = {product_id: set() for product_id in product_ids}
    items = ProductItem.objects.filter(product_id__in=product_ids).values_list("product_id", "version_id")
    for product_id, version_id in items:
        opened[product_id].add(version_id)
    return opened
