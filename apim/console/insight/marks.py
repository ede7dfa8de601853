"""What owners did meanwhile: publications, deployments and ends of versions, as marks on charts with links."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apim.analytics.windows import Window
from apim.audit.models import AuditEvent
from apim.catalog.models import Deployment, Revision
from apim.console.insight.filters import Asked
from apim.console.insight.names import VersionName
from apim.gateways.models import Environment
from apim.listing import enumerated

_WORDS: Final[Mapping[str, str | Promise]] = {
    "version.publish": _("%(version)s published, %(time)s UTC"),
    "version.deprecate": _("%(version)s deprecated, %(time)s UTC"),
    "version.retire": _("%(version)s retired, %(time)s UTC"),
    "revision.deploy": _("%(version)s: revision %(number)s deployed in %(environment)s, %(time)s UTC"),
    "revision.rollback": _("%(version)s: back to revision %(number)s in %(environment)s, %(time)s UTC"),
    "revision.withdraw": _("%(version)s: withdrawn from %(environment)s, %(time)s UTC"),
    "arms.shift": _("%(version)s: canary at %(weights)s in %(environment)s, %(time)s UTC"),
}
_WITHDRAWN: Final = "revision.withdraw"
_OF_DEPLOYMENTS: Final = ("revision.deploy", "revision.rollback", _WITHDRAWN, "arms.shift")
_OF_VERSIONS: Final = ("version.publish", "version.deprecate", "version.retire")
_MOST = 20
_AT_ONCE = timedelta(seconds=5)  # a first publication deploys too, in the same transaction


class Happening(NamedTuple):
    """Something that was done to a version."""

    at: datetime
    text: str
    url: str


class _Event(NamedTuple):
    at: datetime
    action: str
    version_id: str
    environment_id: str  # "" where it is of all
    environment: str
    after: Mapping[str, Any]


def happenings_in(asked: Asked) -> list[Happening]:
    """The newest of the versions and the environment asked for, the oldest first. At most five queries."""
    return happenings_of(asked, asked.question.version_ids, asked.window)


def happenings_of(asked: Asked, version_ids: Collection[str] | None, window: Window) -> list[Happening]:
    """The same of these versions, None for all, and of another window."""
    events = _events(version_ids, asked.question.environment_id, window)
    revisions = Revision.objects.filter(id__in={event.after["revision_id"] for event in events if _runs_anew(event)})
    numbers = dict(revisions.values_list("id", "number"))
    found = []
    for event in events:
        version = asked.versions.get(event.version_id)
        if version is None:
            continue
        words = {
            "version": version,
            "time": f"{event.at:%Y-%m-%d %H:%M}",
            "number": numbers.get(event.after.get("revision_id", ""), "?"),
            "environment": event.environment,
            "weights": _weights(event.after.get("arm_weights") or {}),
        }
        text = str(_WORDS[event.action]) % words
        found.append(Happening(event.at, text, _url(version, event.action)))
    return found


def _events(version_ids: Collection[str] | None, environment_id: str | None, window: Window) -> list[_Event]:
    """The newest, the oldest first; without the deployments that belong to a first publication. Two to four queries."""
    of_versions = Q(action__in=_OF_VERSIONS, target_kind="apiversion")
    of_deployments = Q(action__in=_OF_DEPLOYMENTS, target_kind="deployment")
    deployments, withdrawn = Deployment.objects.all(), AuditEvent.objects.filter(action=_WITHDRAWN)
    if version_ids is not None:
        of_versions &= Q(target_id__in=list(version_ids))
        deployments = deployments.filter(version_id__in=list(version_ids))
        withdrawn = withdrawn.filter(before__version_id__in=list(version_ids))
        of_deployments &= Q(target_id__in=deployments.values("id")) | Q(target_id__in=withdrawn.values("target_id"))
    rows = AuditEvent.objects.filter(of_versions | of_deployments, at__gte=window.since, at__lt=window.until)
    told = list(rows.order_by("-at", "-id").values_list("at", "action", "target_id", "after")[: 3 * _MOST])
    targets = {target for _, action, target, _ in told if action in _OF_DEPLOYMENTS}
    present = deployments.filter(id__in=targets)
    where = {row[0]: row[1:] for row in present.values_list("id", "version_id", "environment_id", "environment__name")}
    where |= _places_of_withdrawn(withdrawn.filter(target_id__in=targets - where.keys()))
    events = [
        _Event(
            at,
            action,
            *(where.get(target, ("", "", "")) if action in _OF_DEPLOYMENTS else (target, "", "")),
            after or {},
        )
        for at, action, target, after in told[::-1]
    ]
    met = [
        event for event in _told_once(events) if environment_id is None or event.environment_id in {"", environment_id}
    ]
    return met[-_MOST:]


def _places_of_withdrawn(rows: QuerySet[AuditEvent]) -> dict[str, tuple[str, str, str]]:
    """(version, environment, its name) of each deployment that is gone, as the log has them. At most two queries."""
    told = {target: before for target, before in rows.values_list("target_id", "before") if before}
    if not told:
        return {}
    ids = {before["environment_id"] for before in told.values()}
    names = dict(Environment.objects.filter(id__in=ids).values_list("id", "name"))
    return {
        target: (before["version_id"], before["environment_id"], names.get(before["environment_id"], "?"))
        for target, before in told.items()
    }


def _runs_anew(event: _Event) -> bool:
    return "revision_id" in event.after  # what an entry of the log holds is what differed


def _told_once(events: Sequence[_Event]) -> list[_Event]:
    """Without the deployment that each first publication is itself."""
    found, published = [], dict[str, datetime]()
    for event in events:
        if event.action == "version.publish":
            published[event.version_id] = event.at
        at = published.pop(event.version_id, None) if event.action == "revision.deploy" else None
        if at is None or event.at - at > _AT_ONCE:
            found.append(event)
    return found


def _weights(weights: Mapping[str, int]) -> str:
    """The arms and their weights by name, since PostgreSQL keeps no order; without any those that the revision has."""
    named = [f"{arm} {weight}" for arm, weight in sorted(weights.items())]
    return enumerated(named) or gettext("the weights of its revision")


def _url(version: VersionName, action: str) -> str:
    page = "console:version-arms" if action == "arms.shift" else "console:version-revisions"
    return reverse(page, args=[version.api, version.name])
