"""`{% load branding %}{% brand as brand %}`: what the page is to look like."""

from __future__ import annotations

from django import template

from apim.branding.brand import Brand, live_brand

register = template.Library()


@register.simple_tag
def brand() -> Brand:
    """The live look."""
    return live_brand()
