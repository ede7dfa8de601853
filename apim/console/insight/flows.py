"""The traffic map: which application calls which version, how much, how well."""

from __future__ import annotations

from collections import defaultdict

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.analytics import reading
from apim.analytics.figures import Ends
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
    sums = reading.by_both(asked.question, asked.window.now(), "application_id", "version_id")
    ways = {key: ends for key, ends in sums.items() if ends.calls}
    order = sorted(ways, key=lambda key: (-ways[key].calls, key))
    listed = order[:_LISTED]
    names = callers_in(application for application, _ in listed)
    title = gettext("Who calls what")
    whole = sum(ways.values(), Ends())
    sentence = gettext("%(title)s: %(ways)s ways, %(calls)s calls, %(errors)s of them errors") % {
        "title": title, "ways": len(ways), "calls": whole.calls, "errors": whole.client_errors + whole.server_errors,
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
                ways[application, version].calls,
                percent(ways[application, version].client_share),
                percent(ways[application, version].server_share),
            ]
            for application, version in listed
        ],
        picture=sankey(_ribbons(asked, ways, names), sentence) if ways else "",
        legend=_LEGEND if ways else (),
        empty=gettext("No calls in this time."),
    )


def _version(asked: Asked, identifier: str) -> Link:
    name = asked.versions.get(identifier)
    narrowed: dict[str, str | None] = {"api": name.api, "version": name.name} if name else {"api": NONE}
    return Link(version_word(asked.versions, identifier), asked.url("", **narrowed))


def _ribbons(asked: Asked, ways: dict[tuple[str, str], Ends], names: dict[str, CallerName]) -> list[Ribbon]:
    first = _largest(ways, 0), _largest(ways, 1)
    sums: defaultdict[tuple[str, str], Ends] = defaultdict(Ends)
    others = gettext("other applications"), gettext("other versions")
    for (application, version), ends in ways.items():
        source = caller_word(names, application) if application in first[0] else others[0]
        target = version_word(asked.versions, version) if version in first[1] else others[1]
        sums[source, target] += ends
    ordered = sorted(sums.items(), key=lambda item: (item[0][0] == others[0], item[0][1] == others[1], -item[1].calls))
    return [Ribbon(source, target, ends.calls, _css(ends), _told(source, target, ends))
            for (source, target), ends in ordered]  # fmt: skip


def _largest(ways: dict[tuple[str, str], Ends], side: int) -> set[str]:
    sums: defaultdict[str, int] = defaultdict(int)
    for key, ends in ways.items():
        sums[key[side]] += ends.calls
    return set(sorted(sums, key=lambda each: -sums[each])[:_SIDES])


def _share(ends: Ends) -> float:
    return ends.client_share + ends.server_share


def _css(ends: Ends) -> str:
    return "sankey__way--many" if _share(ends) > _MANY else "sankey__way--some" if _share(ends) >= _SOME else ""


def _told(source: str, target: str, ends: Ends) -> str:
    return gettext("%(source)s to %(target)s: %(calls)s calls, %(share)s %% errors") % {
        "source": source, "target": target, "calls": f"{ends.calls:,}", "share": percent(_share(ends)),
    }  # fmt: skip
