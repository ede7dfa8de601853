"""Words of the portal: `{% load portal %}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils import timezone

from apim.access.models import ApplicationTransfer
from apim.usage.quota_words import forecast_words, gauge_label
from apim.usage.trace import trace_words
from portal import browsers, credit_words, words

if TYPE_CHECKING:
    from django.template import Context

    from apim.usage.quotas import Projected

register = template.Library()
register.filter("rate_in_words", words.rate_in_words)
register.filter("quota_in_words", words.quota_in_words)
register.filter("costs_in_words", words.costs_in_words)
register.filter("gauge_label", gauge_label)
register.filter("invoice_total", words.invoice_total)
register.filter("price_headline", words.price_headline)
register.filter("terms_headline", words.terms_headline)
register.filter("usage_sentences", words.usage_sentences)
register.filter("minor_words", credit_words.minor_words)
register.filter("grant_words", credit_words.grant_words)
register.filter("entry_words", credit_words.entry_words)
register.filter("browser_words", browsers.browser_words)
register.filter("trace_words", trace_words)


@register.filter
def forecast_in_words(quota: Projected) -> str:
    """Where a quota leads, in sentences."""
    return forecast_words(quota.gauge.per, quota.forecast)


@register.simple_tag
def percent_of(part: int, whole: int) -> str:
    """`80 %`."""
    return f"{part * 100 // whole} %" if whole else "0 %"


@register.inclusion_tag("portal/_transfers.html", takes_context=True)
def transfers_notice(context: Context) -> dict[str, object]:
    """Applications that others offer to the person or to an organization that the person speaks for."""
    user = context["request"].user
    offers = ApplicationTransfer.objects.answerable_by(user).open(timezone.now())
    return {"transfers": offers.select_related("application", "source").order_by("created_at")}
