"""Charts for templates: `{% load charts %}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.utils import timezone

from apim.ui import amounts, charts
from apim.ui.drawdown import Drawdown
from apim.ui.drawdown import drawdown as draw_balance
from apim.ui.timeline import Life, version_timeline
from apim.ui.uptime import share_words, uptime_strip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.utils.safestring import SafeString

    from apim.ui.uptime import Day

register = template.Library()


@register.simple_tag
def sparkline(values: Sequence[float], summary: str) -> SafeString:
    """A line without axes; `summary` is read out instead of it."""
    return charts.sparkline(values, summary)


@register.simple_tag
def status_bars(columns: Sequence[charts.Column], title: str) -> SafeString:
    """Calls over time by status class."""
    return charts.status_bars(columns, title)


@register.simple_tag
def amount_bars(bars: Sequence[amounts.Amounts], title: str, unit: str) -> SafeString:
    """Amounts by month, parts on one another."""
    return amounts.amount_bars(bars, title, unit)


@register.simple_tag
def share_bar(parts: Sequence[tuple[str, int]], summary: str) -> SafeString:
    """One bar cut into shares."""
    return charts.share_bar(parts, summary)


@register.inclusion_tag("components/gauge.html")
def gauge(label: str, used: int, limit: int, note: object = "", *, unit: str = "calls") -> dict[str, object]:
    """A quota: what is used of the limit, in words and as a bar; `note` says when it starts again."""
    return {
        "label": label,
        "unit": unit,
        "used": used,
        "limit": limit,
        "left": max(limit - used, 0),
        "note": note,
        "kind": charts.gauge_kind(used, limit),
        "bar": charts.gauge_bar(used, limit),
    }


@register.simple_tag
def gauge_bar(used: int, limit: int) -> SafeString:
    """The bar of a gauge alone, where the words beside it say more than a quota does."""
    return charts.gauge_bar(used, limit)


@register.simple_tag
def drawdown(picture: Drawdown) -> SafeString:
    """A balance over days, and where it leads."""
    return draw_balance(picture)


@register.simple_tag
def uptime(days: Sequence[Day], summary: str) -> SafeString:
    """Days of service, a bar each."""
    return uptime_strip(days, summary)


@register.filter
def share_in_words(share: float) -> str:
    """`99.98 %`."""
    return share_words(share)


@register.simple_tag
def timeline(lives: Sequence[Life]) -> SafeString:
    """The lives of an API's versions."""
    return version_timeline(lives, timezone.now())
