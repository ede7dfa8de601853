"""Markdown that owners wrote, as safe HTML: `{% load prose %}`."""

from __future__ import annotations

from html import unescape

import nh3
from django import template
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

register = template.Library()

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_TAGS = nh3.ALLOWED_TAGS - {"img"}  # an image would be a request to another host


@register.filter
def markdown(text: str, first_heading: int = 3) -> SafeString:
    """The text as HTML, cleaned; its headings start below the page's own."""
    html = nh3.clean(_MARKDOWN.render(text or ""), tags=_TAGS, link_rel="noopener noreferrer nofollow")
    for level in range(6, 0, -1):
        to = min(level + first_heading - 1, 6)
        html = html.replace(f"<h{level}>", f"<h{to}>").replace(f"</h{level}>", f"</h{to}>")
    return mark_safe(html)  # noqa: S308 - nh3 has cleaned it


@register.filter
def excerpt(text: str, characters: int = 160) -> str:
    """The beginning of a Markdown text without its marks, up to a whole word."""
    plain = " ".join(unescape(nh3.clean(_MARKDOWN.render(text or ""), tags=set())).split())
    cut = plain[: characters - 1]
    whole, space, _ = cut.rpartition(" ")
    return plain if len(plain) <= characters else f"{whole if space else cut}…"
