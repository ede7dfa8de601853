"""Credits: which are drawn on first, what usage draws, and how many more calls a balance pays for. Pure.

Amounts are whole minor units. What is drawn for a period is what its usage costs by rating, each line rounded once;
so drawing often and drawing once come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from apim.pricing.money import to_minor
from apim.pricing.rating import Kind, rate
from apim.pricing.terms import Terms

MOST_CALLS: Final = 10**12  # what is told where calls cost nothing
PRIORITIES: Final = {"recurring": 10, "goodwill": 20, "reversal": 25, "purchase": 30, "top-up": 30}
_DRAWN: Final = (Kind.USAGE, Kind.MINIMUM, Kind.MAXIMUM)


@dataclass(frozen=True, slots=True)
class Pot:
    """What is left of a grant. Shapes: expires_at None = never; a lower priority is drawn on first."""

    id: str
    left: int
    priority: int
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """How an amount is drawn. Shapes: parts = (pot, amount), each above 0; beyond is what no pot had left."""

    parts: tuple[tuple[str, int], ...]
    beyond: int


def in_order(pots: Iterable[Pot]) -> list[Pot]:
    """The pots as they are drawn on: by priority, then the one that expires first, then the oldest."""

    def rank(pot: Pot) -> tuple[int, bool, float, float, str]:
        ends = pot.expires_at.timestamp() if pot.expires_at is not None else 0.0
        return pot.priority, pot.expires_at is None, ends, pot.created_at.timestamp(), pot.id

    return sorted(pots, key=rank)


def draw(pots: Iterable[Pot], amount: int) -> Drawn:
    """The amount, drawn from the pots in their order; none of them goes below zero."""
    parts: list[tuple[str, int]] = []
    for pot in in_order(pots):
        if amount <= 0:
            break
        part = min(pot.left, amount)
        if part > 0:
            parts.append((pot.id, part))
            amount -= part
    return Drawn(tuple(parts), max(amount, 0))


def expired(pots: Iterable[Pot], now: datetime) -> list[Pot]:
    """The pots whose time is over and that still hold something."""
    return [pot for pot in in_order(pots) if pot.left > 0 and pot.expires_at is not None and pot.expires_at <= now]


def due_of(terms: Terms, usage: Mapping[str, Decimal]) -> int:
    """What a period's usage draws from credits."""
    rated = rate(terms, usage)
    due = sum((line.amount for line in rated.lines if line.kind in _DRAWN), Decimal(0))
    return max(to_minor(due, terms.currency), 0)


def affordable_calls(terms: Terms, usage: Mapping[str, Decimal], balance: int, heaviest: Mapping[str, int]) -> int:
    """How many more calls the balance pays for, however they end and though the period end among them.

    Shapes: usage is that of the period so far; heaviest = {meter: how much one call counts for at most}.
    """
    if balance < 0:
        return 0
    here = _most(terms, usage, balance + due_of(terms, usage), heaviest)
    return min(here, _most(terms, {}, balance, heaviest))


def _most(terms: Terms, usage: Mapping[str, Decimal], budget: int, heaviest: Mapping[str, int]) -> int:
    """The largest number of calls whose usage, added to this one, costs no more than the budget."""

    def fits(calls: int) -> bool:
        return due_of(terms, _with_calls(usage, calls, heaviest)) <= budget

    if fits(MOST_CALLS):
        return MOST_CALLS
    low, high = 0, 1  # it is found near where it lies: balances are small
    while high < MOST_CALLS and fits(high):
        low, high = high, high * 4
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _with_calls(usage: Mapping[str, Decimal], calls: int, heaviest: Mapping[str, int]) -> dict[str, Decimal]:
    more = {meter: Decimal(calls * weight) for meter, weight in heaviest.items()}
    return {meter: usage.get(meter, Decimal(0)) + more.get(meter, Decimal(0)) for meter in {*usage, *more}}


def days_left(balance: int, drawn: Sequence[int]) -> float | None:
    """In how many days the balance is used up at the pace of the last days; None at none.

    Shapes: drawn = what each of the last days drew, all of them whole.
    """
    total = sum(drawn)
    if not drawn or total <= 0:
        return None
    return max(balance, 0) * len(drawn) / total
