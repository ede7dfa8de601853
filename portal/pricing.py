"""What plans would cost for a number of calls: the estimator's arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apim.pricing.rating import Period, rate
from apim.pricing.words import amount_words
from apim.products.limits import BYTES, unit_of
from apim.products.models import Meter
from apim.ui.prices import a_period
from apim.ui.templatetags.formats import count
from portal.words import quota_in_words

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from portal.offers import PlanOffer

CALLS = 50_000
CALLS_AT_MOST = 10**12
PRESETS = (1_000, 10_000, 100_000, 1_000_000)
_MONTHS = {"day": Decimal(12) / 365, "week": Decimal(12) / 52, "month": Decimal(1), "year": Decimal(12)}
_PER_MONTH = {"hour": Decimal(365 * 24) / 12, "day": Decimal(365) / 12, "month": Decimal(1)}

_STOPS = {
    "day": gettext_lazy("Too small: stops at %(most)s calls a day"),
    "week": gettext_lazy("Too small: stops at %(most)s calls a week"),
    "month": gettext_lazy("Too small: stops at %(most)s calls a month"),
    "year": gettext_lazy("Too small: stops at %(most)s calls a year"),
}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A plan's bill. Shapes: bill in words; obstacle = what stands in the way of so many calls, or nothing."""

    offer: PlanOffer
    bill: str
    obstacle: str


def estimates(offers: Sequence[PlanOffer], calls: int) -> list[Estimate]:
    """The bill of each plan for so many calls a month, each counted once; meters of bytes are left out."""
    counting = _meters_of_calls({meter for offer in offers for meter in offer.terms.terms.meters})
    return [Estimate(offer, _bill(offer, calls, counting), _obstacle(offer, calls, counting)) for offer in offers]


def _bill(offer: PlanOffer, calls: int, counting: Collection[str]) -> str:
    terms = offer.terms.terms
    if not terms.is_priced:
        return _("Free")
    quantity = (calls * _MONTHS[terms.interval]).to_integral_value()
    rated = rate(terms, {meter: quantity for meter in terms.meters if meter in counting}, period=Period.LATER)
    total = rated.total if not terms.prepaid else sum((one.amount for one in rated.lines if one.amount > 0), Decimal(0))
    return a_period(amount_words(total, terms.currency), terms.interval)


def _obstacle(offer: PlanOffer, calls: int, counting: Collection[str]) -> str:
    for quota in offer.terms.quotas:
        # A call costs a unit or more; how many bytes calls take nobody has said.
        if unit_of(quota) != BYTES and calls > quota["requests"] * _PER_MONTH[quota["per"]]:
            return _("Too small: %(quota)s") % {"quota": quota_in_words(quota)}
    terms = offer.terms.terms
    quantity = int((calls * _MONTHS[terms.interval]).to_integral_value())
    for limit in terms.limits:
        most = limit.stops_at
        if limit.meter in counting and most is not None and quantity > most:
            return _STOPS[terms.interval] % {"most": count(most)}
    return ""


def _meters_of_calls(names: Collection[str]) -> set[str]:
    return set(Meter.objects.filter(name__in=names, source="requests").values_list("name", flat=True))
