"""Tables of analytics: groups of one dimension beside what they were before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import nlargest
from itertools import takewhile
from operator import itemgetter

from django.urls import reverse
from django.utils.translation import gettext

from apim.analytics import reading
from apim.analytics.figures import Ends, Group
from apim.console.insight.figures import Cell, Figure, Link, note_of, percent
from apim.console.insight.filters import NONE, Asked
from apim.console.insight.names import caller_word, callers_in, version_word

SHOWN = 12
_WORST = 6
_ENOUGH_CALLS = 20  # a share of fewer says nothing


def apis(asked: Asked) -> list[Figure]:
    """The APIs, or the versions of the one asked for, with the most calls, and those that got worse."""
    now, before = _versions(asked)
    if asked.api:
        title, first = gettext("Versions"), gettext("Version")
        named: Callable[[str], Cell] = lambda key: _version_link(asked, key)  # noqa: E731 - one of two
    else:
        owners = {key: name.api for key, name in asked.versions.items()}
        now, before = reading.grouped(now, owners), reading.grouped(before, owners)
        title, first = gettext("APIs with the most calls"), gettext("API")
        named = lambda key: _api_link(asked, key)  # noqa: E731 - the other one
    groups = reading.compared(now, before)
    top = grouped(asked, "top", title, first, groups[: asked.rows_of("top", SHOWN)], named)
    if asked.api or not groups:
        return [top]
    empty = gettext("Nothing got worse: no API with %(count)d calls or more has a larger share of errors than before.")
    worst = gettext("Moving for the worse")
    moving = grouped(
        asked,
        "worst",
        worst,
        first,
        _worst(groups, asked.rows_of("worst", _WORST)),
        named,
        empty % {"count": _ENOUGH_CALLS},
    )
    return [top, moving]


def operations(asked: Asked) -> Figure:
    """The operations with the most calls."""
    groups = _of(asked, "operation")
    named = lambda key: Link(key or gettext("none: met no operation"), asked.with_value("operation", key))  # noqa: E731
    groups = groups[: asked.rows_of("operations", SHOWN)]
    return grouped(asked, "operations", gettext("Operations"), gettext("Operation"), groups, named)


def applications(asked: Asked, *, hit: bool = False) -> Figure:
    """The applications with the most calls; those that an error hit are called so."""
    groups = _of(asked, "application_id")[: asked.rows_of("applications", SHOWN)]
    callers = callers_in(group.key for group in groups)
    title = gettext("Applications hit") if hit else gettext("Applications")
    named = lambda key: Link(caller_word(callers, key), asked.with_value("application", key))  # noqa: E731
    return grouped(asked, "applications", title, gettext("Application"), groups, named)


def grouped(  # noqa: PLR0917 - a table by what it says
    asked: Asked,
    key: str,
    title: str,
    first: str,
    groups: Sequence[Group],
    named: Callable[[str], Cell],
    empty: str = "",
) -> Figure:
    """A table of groups: calls and shares of errors, now and before."""
    return Figure(
        key=key,
        title=title,
        note=note_of(asked, gettext("Calls, beside as long a time before")),
        headers=[
            first, gettext("Calls"), gettext("Change %"), gettext("4xx %"), gettext("5xx %"), gettext("5xx % before"),
        ],
        rows=[
            [
                named(group.key),
                group.ends.calls,
                change_cell(group.change),
                percent(group.ends.client_share),
                percent(group.ends.server_share),
                percent(group.before.server_share),
            ]
            for group in groups
        ],
        empty=empty or gettext("No calls in this time."),
    )  # fmt: skip


def change_cell(change: float | None) -> float | None:
    """A change in percent; None for what was not there before."""
    return None if change is None else round(change * 100, 1)


def _of(asked: Asked, dimension: str) -> list[Group]:
    now = reading.by(asked.question, asked.window.now(), dimension)
    before = reading.by(asked.question, asked.window.before(), dimension)
    return [group for group in reading.compared(now, before) if group.ends != Ends()]


def _versions(asked: Asked) -> tuple[dict[str, Ends], dict[str, Ends]]:
    now = reading.by_version(asked.question, asked.window.now())
    return now, reading.by_version(asked.question, asked.window.before())


def _worst(groups: Sequence[Group], number: int) -> list[Group]:
    """Those that got worse most, among those with enough calls."""
    enough = takewhile(lambda group: group.ends.calls >= _ENOUGH_CALLS, groups)  # they come with the most calls first
    moved = [(_badness(group.ends) - _badness(group.before), group) for group in enough]
    worse = nlargest(number, (row for row in moved if row[0] > 0), key=itemgetter(0))
    return [group for _, group in worse]


def _badness(ends: Ends) -> float:
    """The share of errors; 5xx weigh twice. Written out: it is asked of each API, twice."""
    answered, rejected, failed, refused, unreached, _ = ends
    calls = answered + rejected + failed + refused + unreached
    return (2 * (failed + unreached) + rejected + refused) / calls if calls else 0.0


def _version_link(asked: Asked, key: str) -> Cell:
    name = asked.versions.get(key)
    if name is None:
        return version_word(asked.versions, key)
    page = reverse("console:version-analytics", args=[name.api, name.name])
    return Link(str(name), asked.url(page, api=None, version=None))


def _api_link(asked: Asked, key: str) -> Cell:
    if not key:
        return Link(gettext("none: met no API"), asked.url(reverse("console:analytics"), api=NONE))
    return Link(key, asked.url(reverse("console:api-analytics", args=[key]), api=None, version=None))
