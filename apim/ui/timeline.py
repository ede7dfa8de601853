"""The life of an API's versions as one picture: published, deprecated, sunset."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy, ngettext

from apim.listing import clauses, enumerated
from apim.ui.states import look_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ROW, _LEFT, _TOP = 30, 64, 22
_WIDTHS = (("chart--wide", 720), ("chart--narrow", 290))
_MARGIN = dt.timedelta(days=7)
# (is it deprecated, has it an end) -> the sentence
_SENTENCES: Final = {
    (False, False): gettext_lazy("%(name)s: %(state)s, published %(published)s"),
    (True, False): gettext_lazy("%(name)s: %(state)s, published %(published)s, deprecated %(deprecated)s"),
    (False, True): gettext_lazy("%(name)s: %(state)s, published %(published)s, ends %(ends)s"),
    (True, True): gettext_lazy(
        "%(name)s: %(state)s, published %(published)s, deprecated %(deprecated)s, ends %(ends)s"
    ),
}


class Life(NamedTuple):
    """One version: when it began, when it was deprecated and when it ends; None = not (yet).

    Shapes: callers = applications that called it in the last 7 days; None = not told here.
    """

    name: str
    state: str
    published_at: dt.datetime
    deprecated_at: dt.datetime | None
    sunset_at: dt.datetime | None
    callers: int | None = None


def version_timeline(lives: Sequence[Life], now: dt.datetime) -> SafeString:
    """Bars per version over time, with today's line; drawn for wide and for narrow screens, as charts are."""
    return format_html_join("", "{}", ((_timeline(lives, now, css, width),) for css, width in _WIDTHS))


def _timeline(lives: Sequence[Life], now: dt.datetime, css: str, width: int) -> SafeString:
    start = min(life.published_at for life in lives) - _MARGIN
    ends = [moment for life in lives for moment in (life.deprecated_at, life.sunset_at) if moment]
    end = max([now, *ends]) + _MARGIN * 2
    height = _TOP + _ROW * len(lives) + 4

    def x(moment: dt.datetime) -> float:
        return _LEFT + (moment - start) / (end - start) * (width - _LEFT)

    rows = format_html_join("", "{}", ((_row(life, _TOP + i * _ROW, x, end),) for i, life in enumerate(lives)))
    today = x(now)
    return format_html(
        '<svg class="chart timeline {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}'
        '<line class="timeline__now" x1="{}" x2="{}" y1="14" y2="{}"/>'
        '<text x="{}" y="10" text-anchor="middle">{}</text></svg>',
        css,
        width,
        height,
        clauses(_sentence(life) for life in lives),
        rows,
        f"{today:.1f}",
        f"{today:.1f}",
        height,
        f"{today:.1f}",
        gettext("today"),
    )


def _row(life: Life, y: float, x: Callable[[dt.datetime], float], end: dt.datetime) -> SafeString:
    stop = life.sunset_at or end
    turn = min(life.deprecated_at or stop, stop)
    return format_html(
        '<text x="0" y="{}">{}</text>'
        '<rect class="timeline__live" x="{}" y="{}" width="{}" height="12" rx="3"/>'
        '<rect class="timeline__deprecated" x="{}" y="{}" width="{}" height="12" rx="3"/>{}',
        y + 16,
        life.name,
        f"{x(life.published_at):.1f}",
        y + 6,
        f"{max(x(turn) - x(life.published_at), 0):.1f}",
        f"{x(turn):.1f}",
        y + 6,
        f"{max(x(stop) - x(turn), 0):.1f}",
        _callers(life, x(min(stop, end)), y + 28),
    )


def _callers(life: Life, right: float, y: float) -> SafeString | str:
    """Below the bar, at its end, so that it fits beside versions of yesterday too."""
    if life.callers is None:
        return ""
    text = ngettext("%(count)s application calls it", "%(count)s applications call it", life.callers)
    told = text % {"count": f"{life.callers:,}"}
    return format_html(
        '<text class="timeline__callers" x="{}" y="{}" text-anchor="end">{}</text>', f"{right:.1f}", y, told
    )


def _sentence(life: Life) -> str:
    told = {"name": life.name, "state": str(look_of(life.state).word), "published": f"{life.published_at:%Y-%m-%d}"}
    if life.deprecated_at:
        told["deprecated"] = f"{life.deprecated_at:%Y-%m-%d}"
    if life.sunset_at:
        told["ends"] = f"{life.sunset_at:%Y-%m-%d}"
    sentence = _SENTENCES["deprecated" in told, "ends" in told] % told
    if life.callers is None:
        return sentence
    called = ngettext(
        "%(count)s application called it in 7 days", "%(count)s applications called it in 7 days", life.callers
    )
    return enumerated([sentence, called % {"count": f"{life.callers:,}"}])
