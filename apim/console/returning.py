"""What comes back when an environment goes back: said before, for some of it was taken away on purpose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from django.utils.translation import gettext

from apim.listing import enumerated
from gateway_sync.delivery.differences import Change

NETWORKS: Final = "allowed_networks"
_NAMED: Final = 5


def comes_back(changes: Sequence[Change]) -> tuple[str, ...]:
    """A sentence for each kind of thing that the way back opens again: networks, APIs and hosts of then."""
    apis = [change.subject for change in changes if (change.kind, change.action) == ("api", "added")]
    hosts = [change.subject for change in changes if change.kind == "host" and change.action != "removed"]
    networks = [
        field.after for change in changes if change.kind == "environment" for field in change.fields
        if field.name == NETWORKS
    ]  # fmt: skip
    told = []
    if networks and networks[0]:
        words = gettext("Upstreams may live in the networks of then again: %(networks)s.")
        told.append(words % {"networks": networks[0].strip("[]").replace('"', "")})
    if apis:
        words = gettext("APIs that are archived or gone by now answer again: %(names)s.")
        told.append(words % {"names": _some(apis)})
    if hosts:
        told.append(gettext("Hosts are those of then again: %(names)s.") % {"names": _some(hosts)})
    return tuple(told)


def _some(names: Iterable[str]) -> str:
    """The first ones, and how many more."""
    known = list(names)
    rest = len(known) - _NAMED
    shown = enumerated(known[:_NAMED])
    return shown if rest <= 0 else gettext("%(names)s and %(count)s more") % {"names": shown, "count": rest}
