"""Tallies: what gateways on trial answered, beside what the others did at the same time, as their records say.

What no other gateway was called for is compared with its own past: calls of the same application to the same version
before the trial began. Owns: which records and sums are read, few whatever the traffic. Must not know: what is worse;
that is the runtime's `trials`, by which a gateway compares its own workers too.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q, Sum

from apim.catalog.models import APIVersion
from apim.usage.models import UsageRecord, UsageRollup
from gateway_sync.delivery.models import Fragment, Publication
from gateway_sync.runtime.core.trials import ENOUGH_BESIDE, Fault, Kind, Side, Tally, find_fault, words_of
from gateway_sync.runtime.spool_format import CLIENT_CLOSED
from gateway_sync.snapshot import api_fragment

RECORDS_AT_MOST: Final = 100_000  # about: where there are more, those of the last part of the time say as much
_APIS_AT_MOST: Final = 200  # of which it is looked up what of them is deployed
_SERVER_ERROR: Final = 500
_PAST: Final = timedelta(days=1)  # before a trial began
_KINDS_AT_MOST: Final = 500  # whose past is asked for; the busiest
NONE: Final = Tally()
_FAILED: Final = ~Q(code__in=("", CLIENT_CLOSED)) | Q(status__gte=_SERVER_ERROR)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What records say. Shapes: fault "" = nothing is worse; known = of the calls counted, those of known callers."""

    fault: str = ""
    known: Tally = NONE


def compare(
    publication: Publication,
    before: Publication | None,
    trying: Collection[str],
    *,
    now: datetime,
    counted: tuple[int, int],
) -> Comparison:
    """How the gateways that try a publication do. Shapes: counted = calls of theirs and of the others meanwhile."""
    part = min(1.0, RECORDS_AT_MOST / max(1, sum(counted)))
    mine, beside, errors = _sides(publication, trying, now - (now - publication.created_at) * part)
    known = Tally(round(sum(tally.calls for tally in mine.known.values()) / part), round(errors / part))
    changed = _changed_versions(publication, before)
    if changed is not None:
        mine, beside = _only(mine, changed), _only(beside, changed)
    fault, others = find_fault(mine, beside, 1.0), "the others"
    if fault is None:
        fault, others = _worse_than_before(publication, mine, beside), "the same callers before"
    if fault is None:
        return Comparison("", known)
    return Comparison(words_of(fault, _names(fault.version), "the gateways on trial", others), known)


def _worse_than_before(publication: Publication, mine: Side, beside: Side) -> Fault | None:
    """What is worse than in its own past, of what no other gateway was called for."""
    alone = Side({kind: tally for kind, tally in mine.known.items() if _calls(beside, kind) < ENOUGH_BESIDE})
    return find_fault(alone, _past(publication, alone), 1.0) if alone.known else None


def _calls(side: Side, kind: Kind) -> int:
    return side.known.get(kind, NONE).calls


def _past(publication: Publication, side: Side) -> Side:
    """The calls of the same applications to the same versions before the trial began."""
    kinds = sorted(side.known, key=lambda kind: -side.known[kind].calls)[:_KINDS_AT_MOST]
    began = publication.created_at
    rows = UsageRollup.objects.filter(
        period="minute",
        at__gte=began - _PAST,
        at__lt=began.replace(second=0, microsecond=0),
        environment_id=publication.environment_id,
        version_id__in={version for version, _ in kinds},
        application_id__in={application for _, application in kinds},
    ).exclude(status=0)
    sums = rows.order_by().values_list("version_id", "application_id")
    past = Side()
    for version, application, calls, failed in sums.annotate(Sum("calls"), failed=Sum("calls", filter=_FAILED)):
        past.known[version, application] = Tally(calls, failed or 0)
    return past


def _sides(publication: Publication, trying: Collection[str], since: datetime) -> tuple[Side, Side, int]:
    """Both sides, and how many calls of those on trial were answered with 5xx."""
    rows = UsageRecord.objects.filter(environment_id=publication.environment_id, at__gte=since).exclude(status=0)
    kinds = rows.order_by().values_list("gateway_id", "version_id", "application_id")
    counted = kinds.annotate(
        calls=Count("id"), failed=Count("id", filter=_FAILED), errors=Count("id", filter=Q(status__gte=_SERVER_ERROR))
    )
    mine, beside, mine_errors = Side(), Side(), 0
    for gateway_id, version, application, calls, failed, errors in counted:
        is_mine = gateway_id in trying
        side = mine if is_mine else beside
        mine_errors += errors * is_mine
        side.count((version, application), failed, is_failed=True)
        side.count((version, application), calls - failed, is_failed=False)
    return mine, beside, mine_errors


def _only(side: Side, versions: Collection[str]) -> Side:
    return Side({kind: tally for kind, tally in side.known.items() if kind[0] in versions})


def _changed_versions(publication: Publication, before: Publication | None) -> frozenset[str] | None:
    """The ids of versions whose APIs differ from those before; None when something differs that all depend on."""
    after = publication.manifest["fragments"]
    earlier = before.manifest["fragments"] if before is not None else {}
    differing = {name for name in after.keys() | earlier.keys() if after.get(name) != earlier.get(name)}
    if len(differing) > _APIS_AT_MOST or any(not name.startswith(api_fragment("")) for name in differing):
        return None
    digests = [after[name] for name in differing if name in after]
    bodies = Fragment.objects.filter(digest__in=digests).values_list("body", flat=True)
    return frozenset(version["id"] for body in bodies for version in json.loads(body)["versions"])


def _names(version: str) -> dict[str, tuple[str, str]]:
    """The API and version of an id, which may be gone."""
    rows = APIVersion.objects.filter(pk=version).values_list("pk", "api__name", "name")
    return {pk: (api, name) for pk, api, name in rows}
