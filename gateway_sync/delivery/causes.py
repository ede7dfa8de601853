"""Who made a publication necessary, and why: read from the audit log, for publishing itself knows no people."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Final

from django.db.models import Model, Q

from apim.audit.models import AuditEvent
from apim.catalog.models import Deployment
from apim.gateways.models import Certificate, Gateway, Host, Issuer
from gateway_sync.delivery.models import Publication

ROLL_BACK, RETURN, RELEASE = "environment.roll_back", "environment.return", "environment.release"
_CAUSES: Final = {
    ROLL_BACK: Publication.Cause.ROLLBACK,
    RETURN: Publication.Cause.RETURN,
    RELEASE: Publication.Cause.RELEASE,
}
_CONFIGURING: Final = (
    "api.", "arms.", "ceiling.", "certificate.", "demo.", "environment.", "gateway.enroll", "gateway.remove", "host.",
    "issuer.", "plan.", "product.", "revision.deploy", "revision.rollback", "version.",
)  # fmt: skip
_OF_ONE: Final[dict[str, type[Model]]] = {  # what is in one environment, by the kind that the log has
    "certificate": Certificate, "deployment": Deployment, "gateway": Gateway, "host": Host, "issuer": Issuer,
}  # fmt: skip
_LONGER: Final = timedelta(seconds=10)  # a write that began before the last publication and was committed after it
_MOST_EVENTS: Final = 100
_NAMES_TOLD: Final = 3
_REASON_CHARACTERS: Final = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """Shapes: made_by and reason are "" when nobody is known, such as after a certificate was fetched by itself."""

    cause: str = Publication.Cause.CHANGE
    made_by: str = ""
    reason: str = ""


def told_since(environment_id: str, moment: datetime | None) -> Told:
    """What people did to what gateways serve since the publication of that moment."""
    events = _events(environment_id, moment)
    if not events and moment is not None:
        events = [event for event in _events(environment_id, moment - _LONGER) if not _is_told(event, environment_id)]
    if not events:
        return Told()
    for event in events:
        if event.action in _CAUSES:
            return Told(_CAUSES[event.action], event.actor_label, event.reason)
    reasons = _distinct(event.reason for event in events if event.reason)
    acts = _distinct(f"{event.action} {event.target_label}" for event in events)
    return Told(
        made_by=_some(_distinct(event.actor_label for event in events), ", ")[:200],
        reason=_some(reasons or acts, "; ")[:_REASON_CHARACTERS],
    )


def _is_told(event: AuditEvent, environment_id: str) -> bool:
    """True of a decision that a publication was made for: what comes after it is another one."""
    cause = _CAUSES.get(event.action)
    made = Publication.objects.filter(environment_id=environment_id, cause=cause, created_at__gte=event.at)
    return cause is not None and made.filter(made_by=event.actor_label, reason=event.reason).exists()


def _events(environment_id: str, moment: datetime | None) -> list[AuditEvent]:
    """What concerns the environment, the newest first."""
    is_configuring = reduce(or_, (Q(action__startswith=beginning) for beginning in _CONFIGURING))
    is_elsewhere = Q(target_kind="environment") & ~Q(target_id=environment_id)
    found = AuditEvent.objects.filter(is_configuring).exclude(is_elsewhere)
    if moment is not None:
        found = found.filter(at__gt=moment)
    events = list(found.defer("number", "digest")[:_MOST_EVENTS])
    elsewhere = _elsewhere(events, environment_id)
    return [event for event in events if (event.target_kind, event.target_id) not in elsewhere]


def _elsewhere(events: Iterable[AuditEvent], environment_id: str) -> set[tuple[str, str]]:
    """The things of other environments that events are about, also those that are gone."""
    found: set[tuple[str, str]] = set()
    asked: defaultdict[str, set[str]] = defaultdict(set)
    for event in events:
        told = {**(event.after or {}), **(event.before or {})}.get("environment_id", environment_id)
        if told != environment_id:
            found.add((event.target_kind, event.target_id))
        elif event.target_kind in _OF_ONE:
            asked[event.target_kind].add(event.target_id)
    for kind, ids in asked.items():
        others = _OF_ONE[kind]._default_manager.filter(pk__in=ids).exclude(environment=environment_id)  # noqa: SLF001 - documented
        found.update((kind, str(pk)) for pk in others.values_list("pk", flat=True))
    return found


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _some(texts: list[str], between: str) -> str:
    rest = len(texts) - _NAMES_TOLD
    return between.join(texts[:_NAMES_TOLD]) + (f" +{rest}" if rest > 0 else "")
