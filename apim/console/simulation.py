"""The simulator beside the prices of a plan: the invoice of a sample usage, and what other models would make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext

from apim.pricing.alternatives import alternatives
from apim.pricing.money import money_text
from apim.pricing.parts import Graduated, Volume
from apim.pricing.rating import Period, rate
from apim.pricing.terms import Terms, beyond_limits, remarks_on
from apim.ui.rated import rated

_SHARES = (Decimal(0), Decimal("0.5"), Decimal(1), Decimal(2), Decimal(10))
_BEYOND = Decimal("1.324")  # so much of what is included as shows what more costs
_SAMPLE = 10_000


@dataclass(frozen=True, slots=True)
class Simulation:
    """An invoice, and the totals of other usages by model.

    Shapes: usages = quantities by meter, a column each; models = (how it is sold, a total for each usage), the plan as
    it is first.
    """

    invoice: Mapping[str, Any]
    usages: tuple[Mapping[str, int], ...]
    models: tuple[tuple[str, tuple[str, ...]], ...]
    remarks: tuple[str, ...]


def simulate(terms: Terms, usage: Mapping[str, Decimal]) -> Simulation:
    """What the terms make of a usage, and of less and more of it."""
    usages = [
        {meter: int((quantity * share).to_integral_value()) for meter, quantity in usage.items()} for share in _SHARES
    ]
    return Simulation(
        invoice=rate(terms, usage, period=Period.FIRST).as_mapping(),
        usages=tuple(usages if usage else ()),
        models=tuple(
            (rated(words), tuple(_total(each, quantities) for quantities in usages))
            for words, each in ((gettext("As it is"), terms), *alternatives(terms))
        ),
        remarks=(*remarks_on(terms), *(_beyond(*each) for each in beyond_limits(terms, usage))),
    )


def _beyond(meter: str, most: int) -> str:
    told = {"meter": meter, "most": f"{most:,}"}
    return (
        gettext("Gateways refuse calls above %(most)s of `%(meter)s` in a period, so this invoice never comes.") % told
    )


def _total(terms: Terms, quantities: Mapping[str, int]) -> str:
    usage = {meter: Decimal(quantity) for meter, quantity in quantities.items()}
    return money_text(rate(terms, usage, period=Period.LATER).total, terms.currency)


def sample_usage(terms: Terms) -> dict[str, int]:
    """A usage of each meter that shows something: somewhat more than what is free."""
    return {meter: _sample(terms, meter) for meter in terms.meters}


def _sample(terms: Terms, meter: str) -> int:
    limit = terms.limit_of(meter)
    free = limit.included if limit else 0
    for part in terms.prices:
        if isinstance(part, Graduated | Volume) and part.meter == meter:
            free = max(free, part.tiers[0].up_to or 0)
    return int(free * _BEYOND) or _SAMPLE
