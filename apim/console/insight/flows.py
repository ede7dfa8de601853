"""The traffic map: which application calls which version, how much, how well."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from heapq import nlargest, nsmallest

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.analytics import reading
from apim.analytics.figures import Ends
from apim.console.insight.figures import Figure, Key, Link, note_of, percent
from apim.console.insight.filters import NONE, Asked
from apim.console.insight.names import CallerName, caller_word, callers_in, version_word
from apim.ui.sankey import Ribbon, sankey

_Way = tuple[str, str]  # the application, the version

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
    ways = reading.by_caller_and_version(asked.question, asked.window.now())
    calls = {key: count for key, ends in ways.items() if (count := ends.calls)}
    listed = nsmallest(_LISTED, calls, key=lambda key: (-calls[key], key))
    names = callers_in(application for application, _ in listed)
    title = gettext("Who calls what")
    whole = Ends(*map(sum, zip(*ways.values(), strict=True)))
    sentence = gettext("%(title)s: %(ways)s ways, %(calls)s calls, %(errors)s of them errors") % {
        "title": title, "ways": len(calls), "calls": whole.calls, "errors": whole.client_errors + whole.server_errors,
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
        picture=sankey(_ribbons(asked, ways, calls, names), sentence) if calls else "",
        legend=_LEGEND if calls else (),
        empty=gettext("No calls in this time."),
    )


def _version(asked: Asked, identifier: str) -> Link:
    name = asked.versions.get(identifier)
    narrowed: dict[str, str | None] = {"api": name.api, "version": name.name} if name else {"api": NONE}
    return Link(version_word(asked.versions, identifier), asked.url("", **narrowed))


def _ribbons(
    asked: Asked, ways: Mapping[_Way, Ends], calls: Mapping[_Way, int], names: dict[str, CallerName]
) -> list[Ribbon]:
    sources = {key: caller_word(names, key) for key in _largest(calls, 0)}
    targets = {key: version_word(asked.versions, key) for key in _largest(calls, 1)}
    others = gettext("other applications"), gettext("other versions")
    gathered: defaultdict[tuple[str, str], list[Ends]] = defaultdict(list)
    for application, version in calls:
        key = sources.get(application, others[0]), targets.get(version, others[1])
        gathered[key].append(ways[application, version])
    sums = {key: Ends(*map(sum, zip(*each, strict=True))) for key, each in gathered.items()}
    ordered = sorted(sums.items(), key=lambda item: (item[0][0] == others[0], item[0][1] == others[1], -item[1].calls))
    return [Ribbon(source, target, ends.calls, _css(ends), _told(source, target, ends))
            for (source, target), ends in ordered]  # fmt: skip


def _largest(calls: Mapping[_Way, int], side: int) -> list[str]:
    sums: defaultdict[str, int] = defaultdict(int)
    for key, count in calls.items():
        sums[key[side]] += count
    return nlargest(_SIDES, sums, key=lambda each: sums[each])


def _share(ends: Ends) -> float:
    return ends.client_share + ends.server_share


def _css(ends: Ends) -> str:
    return "sankey__way--many" if _share(ends) > _MANY else "sankey__way--some" if _share(ends) >= _SOME else ""


def _told(source: str, target: str, ends: Ends) -> str:
    return gettext("%(source)s to %(target)s: %(calls)s calls, %(share)s %% errors") % {
        "source": source, "target": target, "calls": f"{ends.calls:,}", "share": percent(_share(ends)),
    }  # fmt: skip
