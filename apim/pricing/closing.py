"""Closing: which of a plan's amounts belong on which invoice, where a provider charges fixed amounts in advance.

An invoice between two periods charges the fixed amounts of the one that begins and all else of the one that ends. The
first one closes no period, the last one begins none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import TypeGuard

from apim.pricing.parts import Flat, Metered
from apim.pricing.rating import Kind, Line, Rated
from apim.pricing.terms import Terms

_ZERO = Decimal(0)


def opening(terms: Terms) -> Terms:
    """The terms as the first invoice charges them: what is due at the end of a period is not due yet."""
    prices = tuple(
        replace(part, minimum=_ZERO) if isinstance(part, Metered) else part
        for part in terms.prices
        if not is_arrears(part)
    )
    return replace(terms, prices=prices, minimum_spend=_ZERO, maximum_spend=None)


def closing(terms: Terms) -> Terms:
    """The terms as the last invoice charges them: nothing in advance; bounds of spend less what was paid ahead."""
    ahead = sum((part.amount for part in terms.prices if is_advance(part)), _ZERO)
    most = terms.maximum_spend
    return replace(
        terms,
        prices=tuple(part for part in terms.prices if not is_advance(part)),
        minimum_spend=max(_ZERO, terms.minimum_spend - ahead),
        maximum_spend=replace(most, amount=max(_ZERO, most.amount - ahead)) if most else None,
    )


def between(left: Terms, chosen: Terms) -> Terms:
    """The terms as the invoice between two plans charges them: the end of the one, the beginning of the other.

    The bounds of spend are those of the plan that ends; what is paid ahead for the other is outside of them.
    """
    over = closing(left)
    begun = tuple(part for part in chosen.prices if is_advance(part))
    ahead = sum((part.amount for part in begun), _ZERO)
    most = over.maximum_spend
    return replace(
        over,
        prices=(*over.prices, *begun),
        minimum_spend=over.minimum_spend + ahead if over.minimum_spend else _ZERO,
        maximum_spend=replace(most, amount=most.amount + ahead) if most else None,
    )


def true_ups(terms: Terms, rated: Rated) -> Iterator[Line]:
    """The lines of a rated invoice that have no price of their own at a provider: bounds of spend, and arrears."""
    arrears = {part.name for part in terms.prices if is_arrears(part)}
    for line in rated.lines:
        if line.kind in (Kind.MINIMUM, Kind.MAXIMUM) or (line.kind is Kind.FLAT and line.name in arrears):
            yield line


def has_true_ups(terms: Terms) -> bool:
    """True when invoices of the terms may have such lines."""
    bounds = terms.minimum_spend or terms.maximum_spend
    return bool(bounds) or any(is_arrears(part) or getattr(part, "minimum", _ZERO) for part in terms.prices)


def is_arrears(part: object) -> TypeGuard[Flat]:
    """True for a fixed amount that is due when a period ends."""
    return isinstance(part, Flat) and part.term == "arrears"


def is_advance(part: object) -> TypeGuard[Flat]:
    """True for a fixed amount that is due when a period begins."""
    return isinstance(part, Flat) and part.term == "advance"
