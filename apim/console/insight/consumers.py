"""Consumers: who calls, who calls more or less than before, who fell silent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext

from apim.analytics import reading
from apim.analytics.figures import Ends, change_of
from apim.analytics.ways import largest_callers
from apim.console.insight.figures import Figure, Link, note_of, percent
from apim.console.insight.filters import Asked
from apim.console.insight.names import caller_word, callers_in
from apim.console.insight.tables import change_cell

SHOWN = 50
QUIET = timedelta(days=7)
_LOOKED_BACK = timedelta(days=30)


def callers(asked: Asked) -> tuple[Figure, int, int]:
    """Who called most, how many called in all, and how many of them did not call before."""
    now, before = asked.window.now(), asked.window.before()
    told = largest_callers(asked.question, now, before, listed=asked.rows_of("callers", SHOWN))
    return _figure(asked, told.listed), told.number, told.fresh


def quiet(asked: Asked) -> Figure:
    """Who called in the 30 days before, and not in the last seven."""
    now = timezone.now()
    days = reading.last_calls(asked.question, now - QUIET - _LOOKED_BACK)
    silent = sorted((at, key) for key, at in days.items() if at < now - QUIET - timedelta(days=1))[::-1]
    silent = silent[: asked.rows_of("quiet", SHOWN)]
    names = callers_in(key for _, key in silent)
    return Figure(
        key="quiet",
        title=gettext("Quiet for 7 days"),
        note=gettext("Applications that called in the 30 days before, and not since; days in UTC"),
        headers=[gettext("Application"), gettext("Last call on")],
        rows=[[Link(caller_word(names, key), asked.with_value("application", key)), f"{at:%Y-%m-%d}"]
              for at, key in silent],
        empty=gettext("Nobody fell silent."),
    )  # fmt: skip


def _figure(asked: Asked, callers: Sequence[tuple[str, Ends, int]]) -> Figure:
    """Shapes: (application, its calls, how many it made before)."""
    names = callers_in(key for key, _, _ in callers)
    return Figure(
        key="callers",
        title=gettext("Who calls"),
        note=note_of(asked, gettext("Calls, beside as long a time before")),
        headers=[
            gettext("Application"), gettext("Calls"), gettext("Before"), gettext("Change %"), gettext("4xx %"),
            gettext("5xx %"),
        ],
        rows=[
            [
                Link(caller_word(names, key), asked.with_value("application", key)),
                ends.calls,
                before,
                change_cell(change_of(ends.calls, before)),
                percent(ends.client_share),
                percent(ends.server_share),
            ]
            for key, ends, before in callers
        ],
        empty=gettext("Nobody called in this time."),
    )  # fmt: skip
