"""Words: an amount of money as people read it."""

from __future__ import annotations

from decimal import Decimal

from apim.pricing.money import money_text


def amount_words(amount: Decimal, currency: str) -> str:
    """The amount with its currency: `1,234.50 EUR`."""
    whole, point, fraction = money_text(amount, currency).partition(".")
    return f"{int(whole):,}{point}{fraction} {currency}" if whole.lstrip("-").isdigit() else f"{amount} {currency}"
