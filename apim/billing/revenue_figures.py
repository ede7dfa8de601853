"""Figures of revenue: what a month, a plan and a debtor come to, and what the words mean. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from apim.pricing.money import round_money
from apim.pricing.parts import Flat, Part, Tier
from apim.pricing.terms import Terms

MONTHS: Final = 12
ZERO: Final = Decimal(0)
_A_YEAR: Final = {"day": 365, "week": 52, "month": 12, "year": 1}


@dataclass(slots=True)
class Month:
    """A month of one currency.

    Shapes: mrr = what the plans in force at its end (at present, in the last one) cost a month before any usage; new,
    expansion, contraction and churned say how it came from that of the month before; usage = lines for usage on
    invoices made in it, overage = those of them above what a plan includes; once = set-up fees and lines that are no
    part of a plan; given_back = by credit notes of invoices made in it.
    """

    start: datetime
    mrr: Decimal = ZERO
    new: Decimal = ZERO
    expansion: Decimal = ZERO
    contraction: Decimal = ZERO
    churned: Decimal = ZERO
    usage: Decimal = ZERO
    overage: Decimal = ZERO
    once: Decimal = ZERO
    given_back: Decimal = ZERO


@dataclass(slots=True)
class PlanFigures:
    """What one plan of one product earns. Shapes: mrr and subscribers at present, the rest in the months shown."""

    product: str
    plan: str
    subscribers: int = 0
    mrr: Decimal = ZERO
    usage: Decimal = ZERO
    overage: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Debt:
    """Who owes what for which product, since when."""

    organization: str
    product: str
    payment: str
    since: datetime
    amount: Decimal


@dataclass(slots=True)
class Revenue:
    """What is earned in one currency. Shapes: months oldest first, the last one is under way."""

    currency: str
    months: list[Month]
    plans: list[PlanFigures] = field(default_factory=list)
    debts: list[Debt] = field(default_factory=list)

    def plan(self, product: str, plan: str) -> PlanFigures:
        """The row of a plan of a product, added when there is none yet."""
        for each in self.plans:
            if (each.product, each.plan) == (product, plan):
                return each
        self.plans.append(PlanFigures(product, plan))
        return self.plans[-1]

    @property
    def now(self) -> Month:
        """The month under way."""
        return self.months[-1]

    @property
    def owing(self) -> Decimal:
        """What all debtors together owe."""
        return sum((each.amount for each in self.debts), ZERO)


def month_starts(now: datetime) -> list[datetime]:
    """The first moments of the months shown, in UTC, the present one last."""
    last = now.astimezone(UTC).year * 12 + now.astimezone(UTC).month - 1
    return [datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC) for index in range(last - MONTHS + 1, last + 1)]


def monthly(terms: Terms) -> Decimal:
    """What the fixed prices of a plan come to in a month: a year is twelve of them, or 52 weeks, or 365 days."""
    flat = sum((part.amount for part in terms.prices if isinstance(part, Flat)), ZERO)
    return round_money(flat * _A_YEAR[terms.interval] / 12, terms.currency) if flat else ZERO


def includes_some(terms: Terms, part: Part) -> bool:
    """True where the plan covers some usage of the part's meter, so that whatever is charged is above that."""
    limit = terms.limit_of(getattr(part, "meter", ""))
    tiers: Sequence[Tier] = getattr(part, "tiers", ())
    is_first_free = bool(tiers) and not tiers[0].unit and not tiers[0].flat
    return bool(limit is not None and limit.included) or is_first_free
