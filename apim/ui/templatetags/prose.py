"""Markdown that owners wrote, as safe HTML: `{% load prose %}`."""

from __future__ import annotations

from functools import lru_cache
from html import unescape

import nh3
from django import template
from django.utils.safestring import SafeString

from apim.ui.article import MARKDOWN, render

register = template.Library()


@register.filter
def markdown(text: str, first_heading: int = 3) -> SafeString:
    """The text as HTML, cleaned; its headings start below the page's own."""
    return render(text, first_heading=first_heading)


@register.filter
def excerpt(text: str, characters: int = 160) -> str:
    """The beginning of a Markdown text without its marks, up to a whole word."""
    return _excerpt(text, characters)


@lru_cache(maxsize=512)  # of a text it is always the same, and lists have the same texts each time
def _excerpt(text: str, characters: int) -> str:
    plain = " ".join(unescape(nh3.clean(MARKDOWN.render(text or ""), tags=set())).split())
    cut = plain[: characters - 1]
    whole, space, _ = cut.rpartition(" ")
    return plain if len(plain) <= characters else f"{whole if space else cut}…"
