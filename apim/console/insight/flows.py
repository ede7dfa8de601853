"""The traffic map: which application calls which version, how much, how well."""

from __future__ import annotations

from collections import defaultdict

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.analytics.figures import Ends
from apim.analytics.ways import Ways, largest_ways
from apim.console.insight.figures import Figure, Key, Link, note_of, percent
from apim.console.insight.filters import NONE, Asked
from apim.console.insight.names import CallerName, caller_word, callers_in, version_word
from apim.ui.sankey import Ribbon, sankey

_SIDES = 12
_LISTED = 60
_SOME, _MANY = 0.01, 0.05
_LEGEND = (
    Key("way-none", "circle-check", _("less than 1 % errors")),
    Key("way-some", "circle-alert", _("1 to 5 % errors")),
    Key("way-many", "circle-x", _("more than 5 % errors")),
)


def traffic_map(asked: Asked) -> Figure:
    """The ways with the most calls; what is not among the first of a side is drawn as others."""
    ways = largest_ways(asked.question, asked.window.now(), listed=asked.rows_of("map", _LISTED), each_side=_SIDES)
    whole, largest = ways.whole, {key for key, _ in ways.gathered if key is not None}
    names = callers_in({*largest, *(application for application, _ in ways.listed)})
    title = gettext("Who calls what")
    sentence = gettext("%(title)s: %(calls)s calls, %(errors)s of them errors") % {
        "title": title, "calls": whole.calls, "errors": whole.client_errors + whole.server_errors,
    }  # fmt: skip
    return Figure(
        key="map",
        title=title,
        note=note_of(asked, gettext("The wider the more calls; the colour is the share of errors, 4xx and 5xx")),
        headers=[gettext("Application"), gettext("Version"), gettext("Calls"), gettext("4xx %"), gettext("5xx %")],
        rows=[
            [
                Link(caller_word(names, application), asked.with_value("application", application)),
                _version(asked, version),
                ends.calls,
                percent(ends.client_share),
                percent(ends.server_share),
            ]
            for (application, version), ends in ways.listed.items()
        ],
        picture=sankey(_ribbons(asked, ways, names), sentence) if ways.listed else "",
        legend=_LEGEND if ways.listed else (),
        empty=gettext("No calls in this time."),
    )


def _version(asked: Asked, identifier: str) -> Link:
    name = asked.versions.get(identifier)
    narrowed: dict[str, str | None] = {"api": name.api, "version": name.name} if name else {"api": NONE}
    return Link(version_word(asked.versions, identifier), asked.url("", **narrowed))


def _ribbons(asked: Asked, ways: Ways, names: dict[str, CallerName]) -> list[Ribbon]:
    others = gettext("other applications"), gettext("other versions")
    sums: defaultdict[tuple[str, str], Ends] = defaultdict(Ends)
    for (application, version), ends in ways.gathered.items():
        source = others[0] if application is None else caller_word(names, application)
        target = others[1] if version is None else version_word(asked.versions, version)
        sums[source, target] += ends
    ordered = sorted(sums.items(), key=lambda item: (item[0][0] == others[0], item[0][1] == others[1], -item[1].calls))
    return [Ribbon(source, target, ends.calls, _css(ends), _told(source, target, ends))
            for (source, target), ends in ordered]  # fmt: skip


def _share(ends: Ends) -> float:
    return ends.client_share + ends.server_share


def _css(ends: Ends) -> str:
    return "sankey__way--many" if _share(ends) > _MANY else "sankey__way--some" if _share(ends) >= _SOME else ""


def _told(source: str, target: str, ends: Ends) -> str:
    return gettext("%(source)s to %(target)s: %(calls)s calls, %(share)s %% errors") % {
        "source": source, "target": target, "calls": f"{ends.calls:,}", "share": percent(_share(ends)),
    }  # fmt: skip
