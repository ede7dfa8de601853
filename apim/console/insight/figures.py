"""Figures of the pages of analytics: a picture with its legend, its sentence and its table, from one set of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apim.analytics.figures import ENDS, Ends, Spread, Step, all_of
from apim.analytics.windows import UNITS, Window
from apim.console.insight.filters import RANGES, Asked
from apim.console.insight.marks import Happening
from apim.listing import enumerated, labelled
from apim.ui.plots import Axis, Mark, Series, lines, stacked
from apim.ui.templatetags.formats import axis_label, day, milliseconds

SHARES = ((0.5, "p50", "line-1"), (0.95, "p95", "line-2"), (0.99, "p99", "line-3"))


class Key(NamedTuple):
    """One entry of a legend: icon and word beside the colour."""

    css: str
    icon: str
    word: str | Promise


class Link(NamedTuple):
    """A cell that leads somewhere."""

    text: str
    url: str

    def __str__(self) -> str:
        return self.text


class Drawn(NamedTuple):
    """A cell that is a small picture. Shapes: text says the same where pictures cannot be."""

    text: str
    picture: SafeString

    def __str__(self) -> str:
        return self.text


END_KEYS = {
    "answered": Key("end-answered", "circle-check", _("Answered (1xx to 3xx)")),
    "rejected": Key("end-rejected", "circle-alert", _("4xx of the service")),
    "refused": Key("end-refused", "ban", _("4xx of the gateway")),
    "failed": Key("end-failed", "circle-x", _("5xx of the service")),
    "unreached": Key("end-unreached", "unplug", _("5xx of the gateway")),
    "lost": Key("end-lost", "circle-help", _("Lost: a worker died")),
}
_STACKED = ("answered", "rejected", "refused", "failed", "unreached", "lost")  # bottom to top

Cell = str | int | float | Link | Drawn | None


@dataclass(frozen=True, slots=True)
class Figure:
    """What one card of a page shows. Shapes: without a picture it is its table; word = what a tab calls it."""

    key: str
    title: str
    note: str
    headers: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    picture: SafeString | str = ""
    legend: Sequence[Key] = ()
    happenings: Sequence[Happening] = ()
    empty: str = ""
    has_lines: bool = False
    word: str = ""

    @property
    def columns(self) -> list[tuple[str, bool]]:
        """The headers, and whether numbers stand below them."""
        first = self.rows[0] if self.rows else ()
        numeric = [isinstance(cell, int | float) or cell is None for cell in first] or [False] * len(self.headers)
        return list(zip(self.headers, numeric, strict=True))

    @property
    def leading(self) -> int:
        """The column of the number that rows are about, the first one; -1 for none."""
        return next((place for place, (_, is_number) in enumerate(self.columns) if is_number), -1)


def axis_of(window: Window) -> Axis:
    """The time axis of a window."""
    return _axis(get_language(), window.since, window.period, window.size, len(window.starts()))


@lru_cache(maxsize=64)  # pages have several figures of one window, whose steps stay the same until the next one begins
def _axis(_language: str | None, since: datetime, period: str, size: int, count: int) -> Axis:
    length = UNITS[period] * size
    starts = [since + length * number for number in range(count)]
    step = "minute" if size == 1 and period == "hour" else period
    titles = [day(at) if period == "day" else axis_label(at, "hour") for at in starts]
    return Axis([axis_label(at, step) for at in starts], [f"{title} UTC" for title in titles], since, length)


def note_of(asked: Asked, unit: str) -> str:
    """What a figure counts, over which time, in which steps."""
    window = asked.window
    over = str(RANGES[asked.range]) if asked.range else f"{stamp(window.since)} – {stamp(window.until)}"  # noqa: RUF001
    return gettext("%(unit)s, %(time)s, %(step)s, times in UTC") % {
        "unit": unit, "time": over, "step": step_words(window)
    }  # fmt: skip


def step_words(window: Window) -> str:
    """How long a step is, in words."""
    words = {
        "minute": ngettext("by the minute", "by %(count)d minutes", window.size),
        "hour": ngettext("by the hour", "by %(count)d hours", window.size),
        "day": ngettext("by the day", "by %(count)d days", window.size),
    }
    return words[window.period] % {"count": window.size}


def stamp(at: datetime) -> str:
    """A moment, to the minute."""
    return f"{at:%Y-%m-%d %H:%M}"


def traffic(asked: Asked, steps: Sequence[Step], happenings: Sequence[Happening], title: str) -> Figure:
    """Calls over time by how they ended."""
    shown = [end for end in _STACKED if any(getattr(step.ends, end) for step in steps)]
    series = [
        Series(END_KEYS[end].css, str(END_KEYS[end].word), [getattr(step.ends, end) for step in steps]) for end in shown
    ]
    axis = axis_of(asked.window)
    sentence = labelled(title, told(sum((step.ends for step in steps), Ends())))
    return Figure(
        key="traffic",
        title=title,
        note=note_of(asked, gettext("Calls")),
        headers=[gettext("From (UTC)"), gettext("Calls"), *(str(END_KEYS[end].word) for end in ENDS)],
        rows=[[stamp(step.at), step.ends.calls, *(getattr(step.ends, end) for end in ENDS)] for step in steps],
        picture=stacked(axis, series, sentence, marks_of(asked.window, happenings)),
        legend=[END_KEYS[end] for end in shown],
        happenings=happenings,
    )


def latency(asked: Asked, spreads: Sequence[Spread], happenings: Sequence[Happening], title: str) -> Figure:
    """Percentiles over time, each of the calls of its step."""
    values = [[each.within(share) for each in spreads] for share, _, _ in SHARES]
    series = [Series(css, word, row) for (_, word, css), row in zip(SHARES, values, strict=True)]
    whole = all_of(spreads)
    parts = [f"{word} {milliseconds(whole.within(share))}" for share, word, _ in SHARES]
    words = {
        "p50": gettext("p50: half of the calls"),
        "p95": gettext("p95: 95 of 100 calls"),
        "p99": gettext("p99: 99 of 100 calls"),
    }
    return Figure(
        key="latency",
        title=title,
        note=note_of(asked, gettext("Milliseconds")),
        headers=[gettext("From (UTC)"), gettext("Calls"), "p50 (ms)", "p95 (ms)", "p99 (ms)"],
        rows=[
            [stamp(at), spread.calls, *within]
            for at, spread, within in zip(asked.window.starts(), spreads, zip(*values, strict=True), strict=True)
        ],
        picture=lines(
            axis_of(asked.window),
            series,
            labelled(title, enumerated(parts)),
            marks_of(asked.window, happenings),
            say=milliseconds,
        ),
        legend=[Key(css, "timer", words[word]) for _, word, css in SHARES],
        has_lines=True,
    )


def marks_of(window: Window, happenings: Sequence[Happening]) -> list[Mark]:
    """Where happenings stand on the time axis."""
    return [Mark((each.at - window.since) / window.step, each.text) for each in happenings]


def told(ends: Ends) -> str:
    """Ends as a sentence's end."""
    parts = [f"{getattr(ends, end):,} {END_KEYS[end].word}" for end in ENDS if getattr(ends, end)]
    return enumerated(parts) or gettext("no calls")


def percent(share: float) -> float:
    """A share as a table shows it: in percent, to two digits."""
    return round(share * 100, 2)
