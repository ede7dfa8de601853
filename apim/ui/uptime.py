"""Days of service as one row of bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from django.utils.safestring import SafeString


class Day(Protocol):
    """A day, and how well it went."""

    @property
    def day(self) -> date:
        """The day."""

    @property
    def share(self) -> float | None:
        """What was answered without a server error; None when nobody called."""

    @property
    def level(self) -> str:
        """`none`, `good`, `fair` or `poor`."""


_STEP, _BAR, _HEIGHT = 8, 6, 32
_SHORT = 12  # a day that nobody called is a short bar: less is known, and not by colour alone
_HEIGHTS = {"none": _SHORT, "good": _HEIGHT, "fair": _HEIGHT, "poor": _HEIGHT}


def uptime_strip(days: Sequence[Day], summary: str) -> SafeString:
    """A bar a day, the oldest first, each with its words; `summary` is read out instead of the picture."""
    bars = format_html_join("", "{}", ((_bar(index, day),) for index, day in enumerate(days)))
    return format_html(
        '<svg class="uptime" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        _STEP * len(days) - (_STEP - _BAR),
        _HEIGHT,
        summary,
        bars,
    )


def share_words(share: float) -> str:
    """A share in per cent, never rounded up to all of it: `99.98 %`, `100 %`."""
    percent = int(share * 10_000) / 100
    return f"{percent:.2f}".rstrip("0").rstrip(".") + " %"


def _bar(index: int, day: Day) -> SafeString:
    height = _HEIGHTS[day.level]
    on = date_format(day.day, "j F Y")
    words = (
        _("%(day)s: no calls") % {"day": on}
        if day.share is None
        else _("%(day)s: %(share)s answered") % {"day": on, "share": share_words(day.share)}
    )
    return format_html(
        '<rect class="uptime__{}" x="{}" y="{}" width="{}" height="{}" rx="1"><title>{}</title></rect>',
        day.level,
        index * _STEP,
        _HEIGHT - height,
        _BAR,
        height,
        words,
    )
