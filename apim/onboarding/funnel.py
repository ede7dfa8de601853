"""The funnel of an API: how many people reached each step of a period's journeys, and how long the whole way took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.core.cache import cache
from django.db.models import Count, F, Q, Sum
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from apim.catalog.models import API
from apim.onboarding.models import Journey, PageViews
from apim.products.models import Product

_MOST = 20_000  # journeys read for the percentiles
_LATELY: Final = timedelta(days=30)
_ENOUGH: Final = 5  # of fewer ways nothing follows
_USUAL_WAY: Final = "onboarding:usual-way"
_KEPT_S: Final = 600


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Shapes: share is of the step before, in percent; None where there is nothing to compare."""

    name: Promise
    reached: int
    share: int | None
    width: int  # percent of the first step


@dataclass(frozen=True, slots=True)
class Funnel:
    """The journeys of one period.

    Shapes: newcomers signed up in it; median_s and p90_s are their time from sign-up to the first 2xx, None until
    somebody got there; whole_ways is how many did.
    """

    views: int
    newcomers: int
    steps: tuple[Step, ...]
    whole_ways: int
    median_s: int | None
    p90_s: int | None

    @property
    def is_empty(self) -> bool:
        """True when nobody came in the period."""
        return not self.views and not self.steps[0].reached


_STEPS: Final = (
    (gettext_lazy("Signed up or logged in"), "began"),
    (gettext_lazy("Has an application"), "applied"),
    (gettext_lazy("Has a key"), "keyed"),
    (gettext_lazy("First request"), "requested"),
    (gettext_lazy("First 2xx"), "succeeded"),
)


def funnel_of(api: API, *, since: datetime, until: datetime) -> Funnel:
    """The journeys to products that open the API and began in [since, until). Five queries."""
    views = PageViews.objects.filter(api=api, day__gte=since.date(), day__lte=until.date()).aggregate(n=Sum("views"))
    mine = Journey.objects.filter(product__in=api_products(api), began_at__gte=since, began_at__lt=until)
    counts = mine.aggregate(
        began=Count("id"),
        applied=Count("id", filter=Q(applied_at__isnull=False)),
        keyed=Count("id", filter=Q(key_at__isnull=False)),
        requested=Count("id", filter=Q(requested_at__isnull=False)),
        succeeded=Count("id", filter=Q(succeeded_at__isnull=False)),
    )
    newcomers = mine.filter(user__created_at__gte=since)
    ways = (
        newcomers.filter(succeeded_at__isnull=False)
        .annotate(took=F("succeeded_at") - F("user__created_at"))
        .order_by("took")
        .values_list("took", flat=True)[:_MOST]
    )
    seconds = [max(0, round(took / timedelta(seconds=1))) for took in ways]
    return Funnel(
        views=views["n"] or 0,
        newcomers=newcomers.count(),
        steps=_steps(counts),
        whole_ways=len(seconds),
        median_s=_percentile(seconds, 50),
        p90_s=_percentile(seconds, 90),
    )


def usual_way_s(now: datetime) -> int | None:
    """The seconds within which half of those who signed up lately had a first 2xx; None while too few had one.

    Of all APIs, and kept for some minutes: who it is told to is anybody.
    """
    kept = cache.get(_USUAL_WAY)
    if kept is None:
        took = F("succeeded_at") - F("user__created_at")
        lately = Journey.objects.filter(user__created_at__gte=now - _LATELY, succeeded_at__isnull=False)
        ways = lately.annotate(took=took).order_by("took").values_list("took", flat=True)[:_MOST]
        seconds = [max(0, round(each / timedelta(seconds=1))) for each in ways]
        kept = (_percentile(seconds, 50) if len(seconds) >= _ENOUGH else None,)
        cache.set(_USUAL_WAY, kept, _KEPT_S)
    found: int | None = kept[0]
    return found


def api_products(api: API) -> list[str]:
    """The ids of the products that open a version of the API."""
    return list(Product.objects.filter(items__version__api=api).order_by("id").values_list("id", flat=True).distinct())


def _steps(counts: dict[str, int]) -> tuple[Step, ...]:
    steps: list[Step] = []
    first = counts["began"]
    for name, field in _STEPS:
        reached = counts[field]
        before = steps[-1].reached if steps else 0
        steps.append(
            Step(name, reached, round(100 * reached / before) if before else None, round(100 * reached / (first or 1)))
        )
    return tuple(steps)


def _percentile(ordered: list[int], percent: int) -> int | None:
    """The nearest rank; None of nothing."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else None
