"""Words of the platform's pages: `{% load platform %}`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django import template
from django.utils.translation import gettext

from apim.audit.labels import label_words
from apim.audit.words import actor_words, kind_words
from apim.console.promoted import field_words, item_words, kept_words, promoted_kind, side_words
from apim.console.reasons import reason_words
from apim.platform.promotion.changes import Change

register = template.Library()
register.filter("kind_words", kind_words)
register.filter("label_words", label_words)
register.filter("actor_words", actor_words)
register.filter("reason_words", reason_words)
register.filter("promoted_kind", promoted_kind)
register.filter("item_words", item_words)
register.filter("kept_words", kept_words)


@register.filter
def recorded(value: object) -> str:
    """A value of the audit log as JSON writes it; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


@register.filter
def or_nothing(text: object) -> object:
    """The text, or a word for its absence."""
    return gettext("nothing") if text in {"", "None", None} else text


@register.filter
def sides(change: Change) -> Iterator[tuple[str, str, str]]:
    """(name, before, after) of each field that a promotion would change."""
    for field in change.fields:
        yield field_words(field), side_words(field.before, change, field), side_words(field.after, change, field)
