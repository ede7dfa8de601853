"""Limits as people read them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apim.pricing.money import from_minor, money_text
from apim.pricing.words import headline, sentences
from apim.ui.templatetags.formats import count

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from apim.billing.models import Invoice
    from apim.pricing.terms import Terms
    from portal.offers import PlanOffer

_SPANS = {1: "second", 60: "minute", 3600: "hour", 86_400: "day"}


def rate_in_words(rate: Mapping[str, Any] | None) -> str:
    """`10 calls a second, bursts of 20`; the wide limit of the environment when the plan has none."""
    if not rate:
        return "No rate limit of its own"
    per_s = rate["per_s"]
    span = f"a {_SPANS[per_s]}" if per_s in _SPANS else f"every {per_s} seconds"
    words = f"{count(rate['requests'])} calls {span}"
    burst = rate.get("burst") or rate["requests"]
    return words if burst <= rate["requests"] else f"{words}, bursts of {count(burst)}"


def quota_in_words(quota: Mapping[str, Any]) -> str:
    """`1,000 calls a month`."""
    return f"{count(quota['requests'])} calls {'an' if quota['per'] == 'hour' else 'a'} {quota['per']}"


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
