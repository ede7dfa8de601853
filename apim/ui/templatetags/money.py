"""Money as people read it: `{% load money %}`. Amounts are whole minor units, as providers tell them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from django import template

from apim.pricing.money import from_minor, money_text

register = template.Library()


class _Given(Protocol):
    amount: int


class _Charged(Protocol):
    currency: str
    given_back: Iterable[_Given]


@register.simple_tag
def money(minor: int | None, currency: str) -> str:
    """`41.96 EUR`; "" for nothing known."""
    return "" if minor is None else f"{money_text(from_minor(minor, currency), currency)} {currency}"


@register.filter
def given_back(invoice: _Charged) -> str:
    """What was given back of an invoice that came with it; "" for nothing."""
    total = sum(row.amount for row in invoice.given_back)
    return money(total, invoice.currency) if total else ""
