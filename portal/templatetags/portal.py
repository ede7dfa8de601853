"""Words of the portal: `{% load portal %}`."""

from __future__ import annotations

from django import template

from portal import browsers, credit_words, words

register = template.Library()
register.filter("rate_in_words", words.rate_in_words)
register.filter("quota_in_words", words.quota_in_words)
register.filter("invoice_total", words.invoice_total)
register.filter("price_headline", words.price_headline)
register.filter("terms_headline", words.terms_headline)
register.filter("usage_sentences", words.usage_sentences)
register.filter("minor_words", credit_words.minor_words)
register.filter("grant_words", credit_words.grant_words)
register.filter("entry_words", credit_words.entry_words)
register.filter("browser_words", browsers.browser_words)
