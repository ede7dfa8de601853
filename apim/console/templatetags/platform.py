"""Words of the platform's pages: `{% load platform %}`."""

from __future__ import annotations

from typing import Final

from django import template
from django.utils.translation import gettext, gettext_lazy

from apim.audit.labels import label_words
from apim.audit.words import kind_words
from apim.console.reasons import reason_words

register = template.Library()
register.filter("kind_words", kind_words)
register.filter("label_words", label_words)
register.filter("reason_words", reason_words)

_KINDS: Final = {
    "version": gettext_lazy("Published revisions"),
    "policy": gettext_lazy("Policies of the environment"),
    "limits": gettext_lazy("Limits of client addresses"),
    "ceiling": gettext_lazy("Ceilings and defaults"),
    "issuer": gettext_lazy("Issuers of tokens"),
    "certificate": gettext_lazy("Certificates"),
    "host": gettext_lazy("Hosts"),
}


@register.filter
def promoted_kind(kind: str) -> str:
    """The heading of a kind of what is promoted."""
    return str(_KINDS.get(kind, kind))


@register.filter
def in_words(name: str) -> str:
    """A field's name as people read it."""
    return name.replace("_", " ")


@register.filter
def or_nothing(text: object) -> object:
    """The text, or a word for its absence."""
    return gettext("nothing") if text in {"", "None", None} else text
