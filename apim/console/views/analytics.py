"""Analytics: the overview of everything, of an API, of a version; and what all its pages are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, ngettext

from apim.analytics import reading
from apim.analytics.figures import Ends, Spread, all_of, change_of
from apim.console.gate import publisher_page
from apim.console.insight import tables
from apim.console.insight.choosing import controls_of
from apim.console.insight.figures import Figure, latency, milliseconds, percent, traffic
from apim.console.insight.filters import MOST_ROWS, Asked, asked
from apim.console.insight.marks import happenings_in
from apim.console.insight.samples import failing_calls
from apim.console.pages import page
from apim.console.scope import can_edit, find_api
from apim.ui.downloads import csv_response
from apim.ui.templatetags.formats import count

if TYPE_CHECKING:
    from django.http import HttpResponse

    from apim.console.gate import ConsoleRequest

_API_NAMES = 200  # that the field proposes
_SMALL = 0.0005


class Tile(NamedTuple):
    """One number, and how it moved. Shapes: kind is good, bad or "" for neither."""

    label: str
    value: str
    change: str
    kind: str
    note: str = ""


@publisher_page
def overview(request: ConsoleRequest) -> HttpResponse:
    """Everything the person publishes."""
    return _overview(request, asked(request), "console/analytics/overview.html")


@publisher_page
def api_analytics(request: ConsoleRequest, name: str, version: str = "") -> HttpResponse:
    """One API, or one of its versions."""
    api = find_api(request.user, name)
    row = get_object_or_404(api.versions, name=version) if version else None
    fixed = {"api": name, "version": version} if version else {"api": name}
    return _overview(
        request,
        asked(request, **fixed),
        "console/apis/analytics.html",
        api=api,
        version=row,
        versions=list(api.versions.all()),
        can_edit=can_edit(request.user, api),
    )


def answer(
    request: ConsoleRequest, template: str, found: Asked, figures: Sequence[Figure], **context: object
) -> HttpResponse:
    """The page with its figures; or the table of the one that ?csv= names."""
    wanted = request.GET.get("csv", "")
    for figure in figures:
        if figure.key == wanted:
            return _downloaded(figure, found)
    names = dict.fromkeys(name.api for name in found.versions.values())
    return page(
        request,
        template,
        asked=found,
        figures=figures,
        figure={figure.key: figure for figure in figures},
        parts=[figure for figure in figures if not figure.picture],
        api_names=list(names)[:_API_NAMES],
        controls=controls_of(found, request.user) if found.has_controls else None,
        **context,
    )


def _downloaded(figure: Figure, found: Asked) -> HttpResponse:
    """The table as a file; a last line says that there may be more where it is cut."""
    rows: list[Sequence[object]] = [*figure.rows]
    if len(rows) >= MOST_ROWS:
        told = gettext("This file ends after %(count)s rows: choose a shorter time or more filters for the rest.")
        rows.append([told % {"count": count(MOST_ROWS)}])
    return csv_response(f"{figure.key}-{found.window.since:%Y%m%d-%H%M}", figure.headers, rows)


def _overview(request: ConsoleRequest, found: Asked, template: str, **context: object) -> HttpResponse:
    steps = reading.steps(found.question, found.window)
    now, before = sum((step.ends for step in steps), Ends()), reading.totals(found.question, found.window.before())
    happenings = happenings_in(found)
    figures = [traffic(found, steps, happenings, gettext("Calls by how they ended"))]
    spreads: tuple[Spread, Spread] | None = None
    if found.question.has_latency:
        by_step = reading.spreads(found.question, found.window)
        spreads = all_of(by_step), reading.spread(found.question, found.window.before())
        figures.append(latency(found, by_step, happenings, gettext("How long calls took")))
    if not found.version:
        figures += tables.apis(found)
    if found.api:
        figures += [tables.operations(found), tables.applications(found), failing_calls(found)]
    tiles = tiles_of(now, before, spreads)
    return answer(request, template, found, figures, tiles=tiles, ends=now, has_calls=bool(now.calls or now.lost),
                  **context)  # fmt: skip


def tiles_of(now: Ends, before: Ends, spreads: tuple[Spread, Spread] | None) -> list[Tile]:
    """The four numbers: calls, the two shares of errors, the 95th percentile; each beside what it was."""
    lost = gettext("and %(count)s in flight when a worker died") % {"count": count(now.lost)} if now.lost else ""
    change = change_of(now.calls, before.calls)
    grew = gettext("new") if change is None else f"{change * 100:+.1f} %"
    tiles = [
        Tile(gettext("Calls"), count(now.calls), grew, "", lost),
        _share_tile(gettext("Client errors (4xx)"), now.client_share, before.client_share, calls=now.client_errors,
                    note=gettext("%(count)s by the gateway") % {"count": count(now.refused)}),
        _share_tile(gettext("Failed (5xx)"), now.server_share, before.server_share, calls=now.server_errors,
                    note=gettext("%(count)s by the gateway") % {"count": count(now.unreached)}),
    ]  # fmt: skip
    if spreads is not None:
        slow, was = spreads[0].within(0.95), spreads[1].within(0.95)
        moved = change_of(slow, was)
        kind = "" if moved is None or abs(moved) < _SMALL else "bad" if moved > 0 else "good"
        told = gettext("new") if moved is None else f"{moved * 100:+.1f} %"
        half = gettext("half of them within %(time)s") % {"time": milliseconds(spreads[0].within(0.5))}
        tiles.append(Tile(gettext("95 of 100 within (p95)"), milliseconds(slow), told, kind, half))
    return tiles


def _share_tile(label: str, now: float, before: float, *, calls: int, note: str) -> Tile:
    moved = now - before
    kind = "" if abs(moved) < _SMALL else "bad" if moved > 0 else "good"
    points = gettext("%(points)s points") % {"points": f"{moved * 100:+.2f}"}
    told = ngettext("%(calls)s call, %(note)s", "%(calls)s calls, %(note)s", calls) % {
        "calls": count(calls),
        "note": note,
    }
    return Tile(label, f"{percent(now):.2f} %", points, kind, told)
