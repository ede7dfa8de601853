"""Numbers, sizes and times as people read them: `{% load formats %}`."""

from __future__ import annotations

import datetime as dt
import json
from functools import lru_cache
from typing import Literal

from django import template
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy, pgettext
from django.utils.translation import gettext as _

register = template.Library()

_NONE = "\N{EN DASH}"
_US_PER_MS = 1_000
_WHOLE_FROM_MS, _TENTHS_FROM_MS = 10, 1
_UNITS = (
    (86_400, gettext_lazy("%(number)d d")),
    (3_600, gettext_lazy("%(number)d h")),
    (60, gettext_lazy("%(number)d min")),
    (1, gettext_lazy("%(number)d s")),
)


@register.filter
def count(value: int | None) -> str:
    """1234567 as 1,234,567; nothing as 0."""
    return f"{value or 0:,}"


@register.filter
def short_count(value: int | None) -> str:
    """1234567 as 1.2M, for the axis of a chart."""
    number = float(value or 0)
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f}".rstrip("0").rstrip(".") + unit
    return f"{number:.0f}"


@register.filter
def milliseconds(value: float | Literal[""] | None) -> str:
    """A duration in the one unit of all pages: 0.84 ms, 3.2 ms, 1,250 ms; a dash for none.

    One unit, so that the figures of an axis, of the table below it and of its file compare by eye. Shapes: "" is what
    templates make of a figure whose owner is not there.
    """
    if value is None or value == "":
        return _NONE
    if round(value, 1) >= _WHOLE_FROM_MS:
        return f"{value:,.0f} ms"
    return f"{value:.1f} ms" if round(value, 2) >= _TENTHS_FROM_MS else f"{value:.2g} ms"


@register.filter
def duration_us(value: int | None) -> str:
    """The same of microseconds; nothing as 0."""
    return milliseconds((value or 0) / _US_PER_MS)


@register.filter
def size(value: int | None) -> str:
    """Bytes in the unit that fits: 312 B, 1.5 kB, 3.2 MB."""
    number = float(value or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":  # noqa: PLR2004
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError(value)


@register.filter
def quantity(value: int | None, unit: str = "calls") -> str:
    """What a quota counts: 1,000 calls or units, bytes in the unit that fits: 10 GB."""
    return size(value).replace(".0 ", " ") if unit == "bytes" else count(value)


@register.filter
def span_in_words(seconds: float) -> str:
    """The largest unit alone: 42 s, 5 min, 3 h, 12 d."""
    for length, unit in _UNITS:
        if seconds >= length:
            return unit % {"number": int(seconds // length)}
    return _("%(number)d s") % {"number": 0}


def _nearest_span(seconds: float) -> str:
    """The same rounded: what was set to end in 7 days is not `6 d` a second later."""
    smaller = (3_600, 60, 1, 0)
    for (length, unit), below in zip(_UNITS, smaller, strict=True):
        if seconds >= length - below / 2:
            return unit % {"number": int(seconds / length + 0.5)}
    return span_in_words(seconds)


@register.filter
def ago(value: dt.datetime | None) -> SafeString | str:
    """A past time as `5 min ago`, with the exact time in UTC in its tooltip; `never` for none."""
    if value is None:
        return _("never")
    seconds = (timezone.now() - value).total_seconds()
    words = _("just now") if seconds < 1 else _("%(span)s ago") % {"span": span_in_words(seconds)}
    return _time_element(value, words)


@register.filter
def until(value: dt.datetime | None) -> SafeString | str:
    """A coming time as `in 3 h`; `never` for none."""
    if value is None:
        return pgettext("an end", "never")
    seconds = (value - timezone.now()).total_seconds()
    words = _("in %(span)s") % {"span": _nearest_span(seconds)} if seconds > 0 else _("now")
    return _time_element(value, words)


@register.filter
def starts_again(value: dt.datetime) -> SafeString:
    """When a quota starts again, as the note of a gauge."""
    return format_html(_("starts again {time}"), time=until(value))


@register.filter
def day(value: dt.datetime | dt.date | None) -> str:
    """30 June 2026, or a dash."""
    return _day(get_language(), value.year, value.month, value.day) if value else _NONE


@lru_cache(maxsize=4096)  # pages say the same days again and again
def _day(_language: str | None, *of_day: int) -> str:
    # Translators: a date in the letters of https://docs.djangoproject.com/en/stable/ref/templates/builtins/#date
    return format_date(dt.date(*of_day), _("j F Y"))


def short_day(value: dt.datetime | dt.date) -> str:
    """30 Jun."""
    return _short_day(get_language(), value.year, value.month, value.day)


@lru_cache(maxsize=4096)
def _short_day(_language: str | None, *of_day: int) -> str:
    # Translators: a day of a month in the letters of Django's date filter
    return format_date(dt.date(*of_day), _("d M"))


def short_month(value: dt.datetime | dt.date) -> str:
    """Jun 26."""
    # Translators: a month and its year in the letters of Django's date filter
    return format_date(value, _("M y"))


def axis_label(at: dt.datetime, period: str) -> str:
    """14:05, 30 Jun 14:00 or 30 Jun: a beginning on the axis of a chart by minute, hour or day."""
    if period == "day":
        return short_day(at)
    return f"{at:%H:%M}" if period == "minute" else f"{short_day(at)} {at:%H:%M}"


@register.filter
def moment(value: dt.datetime | None) -> SafeString | str:
    """2026-06-30 14:05:09 UTC, or a dash."""
    if value is None:
        return _NONE
    return _time_element(value, f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC")


@register.filter
def pretty_json(text: str) -> str:
    """JSON with line breaks; any other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _time_element(value: dt.datetime, words: str) -> SafeString:
    exact = value.astimezone(dt.UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', exact.isoformat(), f"{exact:%Y-%m-%d %H:%M:%S} UTC", words
    )
