"""Icons, badges and the small words of the design system: `{% load ui %}`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from django import template
from django.conf import settings
from django.templatetags.static import static
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from apim.ui.rated import rated
from apim.ui.said import said
from apim.ui.secrets import keep_unstored
from apim.ui.states import look_of
from apim.ui.theme import theme_of

if TYPE_CHECKING:
    from django.template import Context

register = template.Library()

_CODE = re.compile(r"`([^`]+)`")

_NOTICE_ICONS = {"ok": "circle-check", "warn": "triangle-alert", "danger": "circle-alert"}
_KIND_OF_LEVEL = {"success": "ok", "warning": "warn", "error": "danger"}


@register.simple_tag
def icon(name: str, label: str = "", css: str = "") -> SafeString:
    """The Lucide icon of this name; decoration unless it has a label."""
    return _icon(_sprite(settings.STATIC_URL), name, label, css)


@lru_cache(maxsize=1024, typed=True)  # a page has dozens of icons; typed: what is safe already is equal to what is not
def _icon(sprite: str, name: str, label: str, css: str) -> SafeString:
    role = format_html('role="img" aria-label="{}"', label) if label else mark_safe('aria-hidden="true"')
    return format_html('<svg class="icon {}" {}><use href="{}#{}"/></svg>', css, role, sprite, name)


@lru_cache(maxsize=4)  # files change with a release alone
def _sprite(_static_url: str) -> str:
    return static("icons/lucide.svg")


@register.filter(name="rated")
def rated_words(words: str) -> str:
    """What rating says of a line, in the reader's language."""
    return rated(words)


@register.simple_tag(takes_context=True)
def unstored(context: Context) -> str:
    """Nothing to see: whatever shows a secret says so by this, and the answer is kept nowhere."""
    if (request := context.get("request")) is not None:
        keep_unstored(request)
    return ""


@register.simple_tag
def state(name: str, word: str = "") -> SafeString:
    """The badge of a state, such as `{% state version.state %}`; `word` replaces the state's own word."""
    look = look_of(str(name))
    css = f"badge--{look.kind}" if look.kind else ""
    return format_html('<span class="badge {}">{}{}</span>', css, icon(look.icon), word or look.word)


@register.simple_tag
def status(code: int) -> SafeString:
    """The badge of an HTTP status; 0 is an exchange whose end nobody saw."""
    if not code:
        return format_html('<span class="badge badge--muted">{}{}</span>', icon("circle-help"), _("no answer"))
    kind, symbol = (
        ("danger", "circle-x") if code >= 500 else ("warn", "circle-alert") if code >= 400 else ("ok", "circle-check")  # noqa: PLR2004
    )
    return format_html('<span class="badge badge--{}">{}{}</span>', kind, icon(symbol), code)


@register.simple_tag
def has_test_payments() -> bool:
    """Whether the environment names a test key of Stripe: what people pay here is no money."""
    return "_test_" in settings.STRIPE_API_KEY


@register.simple_tag
def method(name: str) -> SafeString:
    """An HTTP method in its colour."""
    return format_html('<span class="method method--{}">{}</span>', name.lower(), name.upper())


@register.simple_tag(takes_context=True)
def theme_attribute(context: Context) -> SafeString:
    """` data-theme="dark"` when the visitor chose a theme; nothing on pages without a request."""
    request = context.get("request")
    theme = theme_of(request) if request else ""
    return format_html(' data-theme="{}"', theme) if theme else SafeString("")


@register.filter
def with_code(text: str) -> SafeString:
    """The text in the reader's language, with what stands between backticks as code."""
    known = text if isinstance(text, SafeString) else said(text)
    return SafeString(_CODE.sub(r"<code>\1</code>", conditional_escape(known)))


@register.filter(name="said")
def in_the_language_of_now(text: str) -> str:
    """What a pure module says in English, in the reader's language."""
    return said(text)


@register.filter
def notice_kind(level: str) -> str:
    """The notice's kind for a level of django.contrib.messages."""
    return _KIND_OF_LEVEL.get(level, "info")


@register.filter
def notice_icon(kind: str) -> str:
    """The icon of a notice, by its kind or by a level of django.contrib.messages."""
    return _NOTICE_ICONS.get(_KIND_OF_LEVEL.get(kind, kind), "info")
