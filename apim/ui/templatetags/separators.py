"""What stands between texts, as the reader's language has it; every template knows these without loading them."""

from __future__ import annotations

from collections.abc import Iterable

from django import template

from apim import listing

register = template.Library()
register.simple_tag(listing.comma)
register.simple_tag(listing.semicolon)
register.simple_tag(listing.colon)


@register.filter
def enumerated(parts: Iterable[object]) -> str:
    """`a, b, c`."""
    return listing.enumerated(parts)


@register.filter
def clauses(parts: Iterable[object]) -> str:
    """`a; b`."""
    return listing.clauses(parts)
