"""The traffic map: which application calls which version, where that goes on to, how much, how well."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apim.analytics.figures import Ends
from apim.analytics.ways import Ways, largest_ways
from apim.console.insight.figures import Figure, Key, Link, note_of, percent
from apim.console.insight.filters import NONE, Asked
from apim.console.insight.names import CallerName, caller_word, callers_in, version_word
from apim.console.insight.upstreams import Upstream, Upstreams, reached, refusal, upstreams_of
from apim.listing import enumerated
from apim.ui.sankey import Ribbon, Sides, sankey

_SIDES = 12
_LISTED = 60
_SOME, _MANY, _TENTH = 0.01, 0.05, 0.1
_LEGEND = (
    Key("way-none", "circle-check", _("less than 1 % errors")),
    Key("way-some", "circle-alert", _("1 to 5 % errors")),
    Key("way-many", "circle-x", _("more than 5 % errors")),
)


def traffic_map(asked: Asked) -> list[Figure]:
    """The ways with the most calls, and what versions call; what is not among the first of a side is one of others."""
    ways = largest_ways(asked.question, asked.window.now(), listed=asked.rows_of("map", _LISTED), each_side=_SIDES)
    names = callers_in(
        {*(key for key, _version_id in ways.gathered if key), *(key for key, _version_id in ways.listed)}
    )
    drawn = {version for _application, version in ways.gathered if version is not None}
    upstreams = upstreams_of(drawn | {version for _application, version in ways.listed})
    beyond = reached(asked, drawn, upstreams)
    return [_map(asked, ways, names, upstreams=upstreams, beyond=beyond), _beyond(asked, beyond)]


def _map(
    asked: Asked,
    ways: Ways,
    names: Mapping[str, CallerName],
    *,
    upstreams: Upstreams,
    beyond: Mapping[tuple[str, Upstream], Ends],
) -> Figure:
    whole, title = ways.whole, gettext("Who calls what")
    told = ngettext(
        "%(title)s: %(calls)s call, %(errors)s of them errors",
        "%(title)s: %(calls)s calls, %(errors)s of them errors",
        whole.calls,
    )
    errors = whole.client_errors + whole.server_errors
    sentence = told % {"title": title, "calls": f"{whole.calls:,}", "errors": f"{errors:,}"}
    sides = Sides(
        (gettext("Applications"), gettext("Versions"), gettext("Upstreams")),
        gettext("Called by"),
        gettext("Goes on to"),
    )
    return Figure(
        key="map",
        title=title,
        note=note_of(asked, gettext("The wider the more calls; the colour is the share of errors, 4xx and 5xx")),
        headers=[
            gettext("Application"), gettext("Version"), gettext("Upstream now"), gettext("Calls"),
            gettext("Calls a second"), gettext("4xx %"), gettext("5xx %"),
        ],
        rows=[
            [
                Link(caller_word(names, application), asked.with_value("application", application)),
                _version(asked, version),
                _upstream_words(asked, upstreams, version),
                *_amounts(asked, ends),
            ]
            for (application, version), ends in ways.listed.items()
        ],
        picture=sankey(_arriving(asked, ways, names), _leaving(asked, ways, beyond), sides, sentence)
        if ways.listed
        else "",
        legend=_LEGEND if ways.listed else (),
        empty=gettext("No calls in this time."),
    )  # fmt: skip


def _beyond(asked: Asked, beyond: Mapping[tuple[str, Upstream], Ends]) -> Figure:
    """What each of the drawn versions calls."""
    rows = sorted(beyond.items(), key=lambda item: -item[1].calls)
    return Figure(
        key="upstreams",
        title=gettext("Where calls go on to"),
        note=note_of(asked, gettext("Calls of the versions drawn above; upstreams as they are deployed now")),
        headers=[
            gettext("Version"), gettext("Upstream now"), gettext("Calls"), gettext("Calls a second"),
            gettext("4xx %"), gettext("5xx %"),
        ],
        rows=[
            [_version(asked, version), enumerated(upstream.urls) or upstream.name, *_amounts(asked, ends)]
            for (version, upstream), ends in rows
        ],
        empty=gettext("No calls in this time."),
    )  # fmt: skip


def _amounts(asked: Asked, ends: Ends) -> tuple[int, float, float, float]:
    seconds = (asked.window.until - asked.window.since).total_seconds()
    rate = float(f"{ends.calls / seconds:.3g}") if seconds > 0 else 0.0
    return ends.calls, rate, percent(ends.client_share), percent(ends.server_share)


def _upstream_words(asked: Asked, upstreams: Upstreams, version: str) -> str:
    """The upstreams of a version in the environments asked for."""
    environment = asked.question.environment_id
    found = {
        upstream.name for (of, where), upstream in upstreams.items() if of == version and environment in {None, where}
    }
    return enumerated(sorted(found)) or "\N{EN DASH}"


def _version(asked: Asked, identifier: str) -> Link:
    name = asked.versions.get(identifier)
    narrowed: dict[str, str | None] = {"api": name.api, "version": name.name} if name else {"api": NONE}
    return Link(version_word(asked.versions, identifier), asked.url("", **narrowed))


def _arriving(asked: Asked, ways: Ways, names: Mapping[str, CallerName]) -> list[Ribbon]:
    others = gettext("other applications"), gettext("other versions")
    sums: defaultdict[tuple[str, str], Ends] = defaultdict(Ends)
    for (application, version), ends in ways.gathered.items():
        source = others[0] if application is None else caller_word(names, application)
        sums[source, _middle_word(asked, version)] += ends
    return _ribbons(sums, is_last=lambda way: (way[0] == others[0], way[1] == others[1]))


def _leaving(asked: Asked, ways: Ways, beyond: Mapping[tuple[str, Upstream], Ends]) -> list[Ribbon]:
    """What goes on; upstreams beyond the largest as one, and so those of versions that are drawn as one."""
    largest: defaultdict[str, int] = defaultdict(int)
    for (_version_id, upstream), ends in beyond.items():
        largest[upstream.name] += 0 if upstream.is_refusal else ends.calls
    kept = set(sorted(largest, key=lambda name: -largest[name])[:_SIDES])
    others, refused = gettext("other upstreams"), refusal().name
    sums: defaultdict[tuple[str, str], Ends] = defaultdict(Ends)
    for (version, upstream), ends in beyond.items():
        target = upstream.name if upstream.is_refusal or upstream.name in kept else others
        sums[_middle_word(asked, version), target] += ends
    rest = sum((ends for (_application, version), ends in ways.gathered.items() if version is None), Ends())
    sums[_middle_word(asked, None), refused] += Ends(refused=rest.refused)
    sums[_middle_word(asked, None), others] += rest - Ends(refused=rest.refused)
    return _ribbons(sums, is_last=lambda way: (way[1] == refused, way[1] == others))


def _middle_word(asked: Asked, version: str | None) -> str:
    return gettext("other versions") if version is None else version_word(asked.versions, version)


def _ribbons(
    sums: Mapping[tuple[str, str], Ends], *, is_last: Callable[[tuple[str, str]], tuple[bool, ...]]
) -> list[Ribbon]:
    """The largest first, those that are to be last in any case behind them."""
    called = [(way, ends) for way, ends in sums.items() if ends.calls]
    ordered = sorted(called, key=lambda item: (*is_last(item[0]), -item[1].calls))
    return [
        Ribbon(source, target, ends.calls, _css(ends), _told(source, target, ends), _note(ends))
        for (source, target), ends in ordered
    ]


def _share(ends: Ends) -> float:
    return ends.client_share + ends.server_share


def _css(ends: Ends) -> str:
    return "sankey__way--many" if _share(ends) > _MANY else "sankey__way--some" if _share(ends) >= _SOME else ""


def _note(ends: Ends) -> str:
    return gettext("%(share)s %% errors") % {"share": f"{_share(ends) * 100:.{3 if _share(ends) > _TENTH else 2}g}"}


def _told(source: str, target: str, ends: Ends) -> str:
    told = ngettext(
        "%(source)s to %(target)s: %(calls)s call, %(share)s %% errors",
        "%(source)s to %(target)s: %(calls)s calls, %(share)s %% errors",
        ends.calls,
    )
    return told % {
        "source": source, "target": target, "calls": f"{ends.calls:,}", "share": percent(_share(ends)),
    }  # fmt: skip
