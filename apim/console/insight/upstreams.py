"""Where calls of versions go on to: the services behind them, and what the gateway itself refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from django.utils.translation import gettext

from apim.analytics import reading
from apim.analytics.figures import Ends
from apim.catalog.models import Deployment
from apim.console.insight.filters import Asked


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a version calls in an environment. Shapes: name is short, urls are its targets; is_refusal = nothing."""

    name: str
    urls: tuple[str, ...] = ()
    is_refusal: bool = False


Upstreams: TypeAlias = Mapping[tuple[str, str], Upstream]


def upstreams_of(version_ids: Collection[str]) -> dict[tuple[str, str], Upstream]:
    """The upstream of each deployment as it is now, by version and environment. One query."""
    rows = Deployment.objects.filter(version_id__in=[each for each in version_ids if each])
    found = rows.values_list("version_id", "environment_id", "revision__upstream")
    return {
        (version, environment): _upstream([target["url"] for target in upstream.get("targets", [])])
        for version, environment, upstream in found
    }


def reached(asked: Asked, version_ids: Collection[str], upstreams: Upstreams) -> dict[tuple[str, Upstream], Ends]:
    """The calls of these versions by where they went on to. One query.

    What the gateway refused went nowhere; what it could not bring to an end counts for the service that it was for.
    """
    found: dict[tuple[str, Upstream], Ends] = {}
    if not version_ids:
        return found
    question = asked.question.of(version_ids=list(version_ids))
    for (version, environment), ends in reading.by_version_and_environment(question, asked.window.now()).items():
        refused = Ends(refused=ends.refused)
        rest = ends - refused
        for upstream, part in ((upstreams.get((version, environment), _gone()), rest), (refusal(), refused)):
            if part.calls:
                key = version, refusal() if not version else upstream
                found[key] = found.get(key, Ends()) + part
    return found


def refusal() -> Upstream:
    """Where calls end that the gateway refuses."""
    return Upstream(gettext("refused by the gateway"), is_refusal=True)


def _gone() -> Upstream:
    return Upstream(gettext("not deployed any more"))


def _upstream(urls: list[str]) -> Upstream:
    places = list(dict.fromkeys(urlsplit(url).netloc.rpartition("@")[2] or url for url in urls))
    if not places:
        return Upstream(gettext("no target"))
    more = f" +{len(places) - 1}" if places[1:] else ""
    return Upstream(f"{places[0]}{more}", tuple(urls))
