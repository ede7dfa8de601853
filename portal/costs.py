"""Costs of a period as people read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apim.pricing.words import amount_words

if TYPE_CHECKING:
    from apim.billing.spending import Spending
    from apim.pricing.rating import Line


@dataclass(frozen=True, slots=True)
class CostLine:
    """A line of the invoice to be."""

    name: str
    detail: str
    quantity: Decimal
    amount: str


@dataclass(frozen=True, slots=True)
class MeterUse:
    """How much of a meter was used. Shapes: bound 0 = as much as one likes."""

    label: str
    used: int
    bound: int


@dataclass(frozen=True, slots=True)
class Costs:
    """Shapes: expected "" = too early to tell; cap_percent None = no cap; how is how expected is computed."""

    lines: tuple[CostLine, ...]
    so_far: str
    expected: str
    how: str
    meters: tuple[MeterUse, ...]
    cap: str
    cap_percent: int | None


def costs_of(spending: Spending, now: datetime) -> Costs:
    """The costs of the present period."""
    found = spending.forecast(now)
    currency = spending.terms.currency
    lines = tuple(_line(line, currency) for line in found.so_far.lines) if found else ()
    cap = spending.cap
    return Costs(
        lines=lines,
        so_far=amount_words(found.so_far.total, currency) if found else "",
        expected=amount_words(found.expected.total, currency) if found and found.expected else "",
        how=_how(spending),
        meters=tuple(use for meter in spending.usage for use in _uses(spending, meter)),
        cap=amount_words(cap.amount, currency) if cap else "",
        cap_percent=int(min(Decimal(100), spending.spent * 100 / cap.amount)) if cap and cap.amount else None,
    )


def _line(line: Line, currency: str) -> CostLine:
    return CostLine(line.name, line.detail, line.quantity, amount_words(line.amount, currency))


def _uses(spending: Spending, meter: str) -> Iterator[MeterUse]:
    """How much of what is included is used, and of what gateways let pass at most."""
    limit = spending.terms.limit_of(meter)
    used = int(spending.usage[meter])
    is_soft = bool(limit and limit.included and limit.on_exceed == "bill")
    if limit and is_soft:
        yield MeterUse(_("%(meter)s, included") % {"meter": meter}, used, limit.included)
    most = limit.stops_at if limit else None
    if most is not None:
        yield MeterUse(_("%(meter)s, at most") % {"meter": meter}, used, most)
    elif not is_soft:
        yield MeterUse(meter, used, 0)


def _how(spending: Spending) -> str:
    if spending.is_trial:
        return _("Usage in the trial is free; what is due in advance comes when it ends.")
    if spending.mirror.subscription.lifecycle == "canceled":
        return _("The last invoice, if usage goes on evenly until the period ends. Before taxes and credits.")
    return _(
        "If usage goes on evenly until the period ends, with the fixed amounts of the next period. Before taxes and "
        "credits."
    )
