"""Limits as people read them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from apim.pricing.money import from_minor, money_text
from apim.ui.prices import headline, sentences
from apim.usage.quota_words import costs_words, granted_words, rate_words

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from apim.billing.models import Invoice
    from apim.pricing.terms import Terms
    from apim.products.models import PlanVersion
    from portal.offers import PlanOffer


def rate_in_words(rate: Mapping[str, Any] | None) -> str:
    """`10 calls a second, bursts of 20`; the wide limit of the environment when the plan has none."""
    return rate_words(rate) if rate else _("No rate limit of its own")


def quota_in_words(quota: Mapping[str, Any]) -> str:
    """`1,000 calls a month`, `10 GB a month`."""
    return granted_words(quota)


def costs_in_words(version: PlanVersion) -> str:
    """What calls cost of a quota of units; "" where each costs one."""
    return costs_words(version.weights)


def invoice_total(invoice: Invoice) -> str:
    """`41.96 EUR`."""
    return f"{money_text(from_minor(invoice.total, invoice.currency), invoice.currency)} {invoice.currency}"


def price_headline(offer: PlanOffer) -> str:
    """`Free`, `29.00 EUR a month`, `from 29.00 EUR a month`."""
    return headline(offer.terms.terms)


def terms_headline(terms: Terms) -> str:
    """The price of terms in a few words."""
    return headline(terms)


def usage_sentences(offer: PlanOffer) -> list[str]:
    """What the plan charges for and promises about money, a sentence each."""
    return sentences(offer.terms.terms)
