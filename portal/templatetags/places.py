"""Where a page of the portal lies: `{% load places %}`."""

from __future__ import annotations

from django import template
from django.urls import reverse

from portal.places import ACCOUNT, MINE, OPEN, OTHERS

register = template.Library()

_PLACES = (*OPEN, *MINE, *ACCOUNT, *OTHERS)


@register.simple_tag
def trail_to(back: str, title: str) -> list[tuple[str, str]]:
    """The breadcrumbs of a page without own ones: the place that `back` is in, then the page itself; none for no place.

    Shapes: (label, url), as components/breadcrumbs.html has them.
    """
    around = [
        (len(url), str(place.label), url)
        for place in _PLACES
        if (url := reverse(place.url)) != "/" and f"{back}/".startswith(f"{url}/")
    ]
    return [max(around)[1:], (title, "")] if around else []
